//! The faults of a mock: errors of methods, and outages.

use std::collections::BTreeMap;
use std::time::Duration;

use ah_rest_api_contract::{ErrorKind, EventSeq, TaskManagerError};

use crate::ids::Ids;

/// Declares [`MockMethod`]: the methods in brackets, and those of the operations table.
macro_rules! methods {
    ([$($own:ident),*]
        manager { $(
            $id:ident $method:ident $path:literal $parameters:tt
            $(query $query:ty as $wire:ty,)?
            $(body $body:ty,)?
            $(fields $request:ident $fields:tt,)?
            -> $status:literal $answer:ty, errors $errors:tt, $action:ident, $summary:literal,
            $result:literal;
        )* }
        client $client:tt
        own $other:tt
    ) => { pastey::paste! {
        /// A method of [`TaskManager`](ah_rest_api_contract::TaskManager).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MockMethod {
            $(#[doc = concat!("`", stringify!($own), "`")] [<$own:camel>],)*
            $(#[doc = concat!("`", stringify!($id), "`")] [<$id:camel>],)*
        }

        impl MockMethod {
            /// Every method that returns a result.
            pub const ALL: &'static [Self] =
                &[$(Self::[<$own:camel>],)* $(Self::[<$id:camel>]),*];

            /// The name of the method.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::[<$own:camel>] => stringify!($own),)*
                    $(Self::[<$id:camel>] => stringify!($id)),*
                }
            }
        }
    } };
}

ah_rest_api_contract::for_each_operation!(methods [
    version, deep_health, task_events_stream, all_events, list_events, get_initial_tasks, save_draft_task,
    delete_draft_task, get_session_attachment
]);

/// An error that a method returns, without any effect or after it.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: ErrorKind,
    after: u64,
    times: Option<u64>,
    probability: f64,
    has_effect: bool,
}

impl Fault {
    /// Creates an error of this kind, at every call and without any effect.
    #[must_use]
    pub const fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            after: 0,
            times: None,
            probability: 1.0,
            has_effect: false,
        }
    }

    /// Lets this many calls of the method succeed before.
    #[must_use]
    pub const fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// Limits the number of failing calls.
    #[must_use]
    pub const fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Fails each call with this probability, 0 to 1, drawn with the mock's seed.
    #[must_use]
    pub const fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Fails after the effect of the call, as if its response was lost. A method that only reads
    /// has no effect.
    #[must_use]
    pub const fn after_effect(mut self) -> Self {
        self.has_effect = true;
        self
    }
}

/// The number of outages so far, and the state of the simulated connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SimulatedConnection {
    pub(crate) outages: u64,
    pub(crate) is_down: bool,
}

impl SimulatedConnection {
    /// Returns the error of a call or a stream during an outage.
    pub(crate) fn lost() -> TaskManagerError {
        TaskManagerError::new(ErrorKind::Unreachable, "the mock is disconnected")
    }
}

/// The simulated conditions of streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamConditions {
    /// The event after which a stream breaks, if it started before it.
    pub(crate) cut_at: Option<EventSeq>,
    /// The delay of each item.
    pub(crate) pace: Duration,
}

/// The faults and latencies of the mock's methods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    latency: BTreeMap<MockMethod, Duration>,
    faults: Vec<Armed>,
}

#[derive(Clone, Debug)]
struct Armed {
    method: MockMethod,
    fault: Fault,
    calls: u64,
    failed: u64,
}

impl Conditions {
    pub(crate) fn set_latency(&mut self, method: MockMethod, latency: Duration) {
        self.latency.insert(method, latency);
    }

    pub(crate) fn latency(&self, method: MockMethod) -> Duration {
        self.latency.get(&method).copied().unwrap_or_default()
    }

    pub(crate) fn arm(&mut self, method: MockMethod, fault: Fault) {
        self.faults.push(Armed {
            method,
            fault,
            calls: 0,
            failed: 0,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// Counts a call of `method`. Returns an error to report after the effect of the call, if any.
    ///
    /// # Errors
    /// A fault applies that prevents the effect.
    pub(crate) fn call(
        &mut self,
        method: MockMethod,
        ids: &mut Ids,
    ) -> Result<Option<TaskManagerError>, TaskManagerError> {
        for armed in self.faults.iter_mut().filter(|it| it.method == method) {
            armed.calls += 1;
            let fault = &armed.fault;
            if armed.calls > fault.after
                && fault.times.is_none_or(|times| armed.failed < times)
                && (fault.probability >= 1.0 || ids.happens(fault.probability))
            {
                armed.failed += 1;
                let message = format!(
                    "the mock is configured to fail this call of `{}`",
                    method.as_str()
                );
                let error = TaskManagerError::new(fault.kind, message);
                return if fault.has_effect {
                    Ok(Some(error))
                } else {
                    Err(error)
                };
            }
        }
        Ok(None)
    }
}
