//! The end of a session at its time limits.

use std::time::Duration;

use ah_rest_api_contract::{Activity, Prompt, PromptState, SessionStatus, Timestamp};

use crate::{Decision, Ending, Refusal, SessionRecord, StatusDetail, View, transition};

/// The default time limits of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// The maximum idle time of a session whose task does not set one.
    pub idle: Duration,
}

/// Returns the time at which the session reaches a limit, as of now.
pub fn deadline(view: &View, limits: TimeLimits) -> Option<Timestamp> {
    let record = &view.record;
    let session = &record.session;
    if record.ending.is_some() || !session.status.holds_slot() {
        return None;
    }
    let in_all = match (session.started_at, record.launch.timeout_ms) {
        (Some(started), Some(limit)) => Some(started.plus(Duration::from_millis(limit))),
        _ => None,
    };
    // An idle agent writes nothing, so the last event of the session is the start of the idle time.
    // A queued prompt ends that time.
    let is_queued = |prompt: &Prompt| prompt.state == PromptState::Queued;
    let idle = (session.status == SessionStatus::Running
        && session.activity == Some(Activity::Idle)
        && !view.prompts.iter().any(is_queued))
    .then(|| session.updated_at.plus(idle_limit(record, limits)));
    match (in_all, idle) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Ends the session if it has reached a limit.
pub fn decide(view: &View, limits: TimeLimits, now: Timestamp) -> Result<Decision, Refusal> {
    let record = &view.record;
    if deadline(view, limits).is_none_or(|deadline| now < deadline) {
        return Ok(Decision::Unchanged);
    }
    let over_all = match (record.session.started_at, record.launch.timeout_ms) {
        (Some(started), Some(limit)) => {
            let limit = Duration::from_millis(limit);
            (now >= started.plus(limit)).then_some(limit)
        }
        _ => None,
    };
    let reason = match over_all {
        Some(limit) => format!("the session exceeded its time limit of {}", in_words(limit)),
        None => format!(
            "the session received no prompt for {}, its idle limit",
            in_words(idle_limit(record, limits))
        ),
    };
    let mut change = transition(
        record,
        SessionStatus::Stopping,
        StatusDetail::because(reason.clone()),
        now,
    )?;
    change.patch.ending = Some(if over_all.is_some() {
        Ending::Fail { reason }
    } else {
        // Not a fault: the last turn ended, and no prompt followed.
        Ending::Stop
    });
    Ok(change.into())
}

fn idle_limit(record: &SessionRecord, limits: TimeLimits) -> Duration {
    record
        .launch
        .idle_timeout_ms
        .map_or(limits.idle, Duration::from_millis)
}

fn in_words(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => format!("{} s", millis / 1_000),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}
