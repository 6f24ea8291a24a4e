//! The conditions of steps on the answers to permission requests.

use ah_rest_api_contract::PermissionOption;

use crate::{Condition, ExpectedAnswer, PermissionAsk};

/// The answers to the permission requests of a script, in order.
#[derive(Clone, Debug)]
pub(super) struct Answers(Vec<Answered>);

/// The answer to a request.
#[derive(Clone, Copy, Debug)]
struct Answered {
    /// The number of the request.
    request: usize,
    /// True if permission was granted.
    granted: bool,
}

/// The result of checking the conditions of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepCheck {
    /// All conditions are met.
    Due,
    /// The step belongs to another answer.
    Skipped,
    /// The step needs a permission that was not granted.
    Refused,
}

impl Answers {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds the answer to a request; `None` if it was cancelled.
    pub(super) fn add(&mut self, ask: &PermissionAsk, chosen: Option<&PermissionOption>) {
        self.0.push(Answered {
            request: ask.number,
            granted: chosen.is_some_and(|option| option.kind.allows()),
        });
    }

    /// Checks conditions in order. The first that is not met decides.
    pub(super) fn check(&self, conditions: &[Condition]) -> StepCheck {
        for condition in conditions {
            match *condition {
                Condition::IfGranted { request } if self.granted(request) != Some(true) => {
                    return StepCheck::Skipped;
                }
                Condition::IfDenied { request } if self.granted(request) != Some(false) => {
                    return StepCheck::Skipped;
                }
                Condition::NeedsPermission { request } if self.granted(request) != Some(true) => {
                    return StepCheck::Refused;
                }
                Condition::IfGranted { .. }
                | Condition::IfDenied { .. }
                | Condition::NeedsPermission { .. } => {}
            }
        }
        StepCheck::Due
    }

    /// Returns the last answer to a request, if it has one.
    fn granted(&self, request: usize) -> Option<bool> {
        let last = self.0.iter().rev().find(|it| it.request == request);
        last.map(|answered| answered.granted)
    }
}

/// Returns true if the script expects this answer.
pub(super) fn is_as_expected(expected: &ExpectedAnswer, chosen: Option<&PermissionOption>) -> bool {
    match expected {
        ExpectedAnswer::Option(id) => chosen.is_some_and(|option| option.id == *id),
        ExpectedAnswer::Cancelled => chosen.is_none(),
        ExpectedAnswer::Granted => chosen.is_some_and(|option| option.kind.allows()),
        ExpectedAnswer::Denied => chosen.is_none_or(|option| !option.kind.allows()),
    }
}
