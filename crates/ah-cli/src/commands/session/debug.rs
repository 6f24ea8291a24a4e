//! `ah session get --debug`.

use std::time::Duration;

use ah_rest_api_contract::{RecorderInfo, SessionInfo, SupervisorInfo, Timestamp};

use super::card::plain;
use crate::style::Line;
use crate::text;

/// Returns the state of the parts that run a session.
pub(super) fn rows(info: &SessionInfo, now: Timestamp) -> Vec<Line> {
    let mut lines = vec![
        plain("session", info.id.to_string()),
        plain("status", info.status.as_str()),
    ];
    if let Some(host) = &info.fleet.leader {
        lines.push(plain("host", host.to_string()));
    }
    let Some(debug) = &info.debug else {
        lines.push(plain("supervisor", "not known to this access point"));
        return lines;
    };
    lines.push(plain("owner", debug.owner.as_deref().unwrap_or("none")));
    lines.push(plain("fence", debug.fence.to_string()));
    let ingested = text::count(debug.journal_position);
    lines.push(plain(
        "ingested",
        format!("{ingested} bytes of the journal"),
    ));
    match &debug.supervisor {
        Some(supervisor) => lines.extend(supervisor_rows(supervisor, now)),
        None => lines.push(plain("supervisor", "none in this process")),
    }
    match (&debug.recorder, &debug.recorder_error) {
        (Some(recorder), _) => lines.extend(recorder_rows(recorder, now)),
        (None, Some(error)) => lines.push(plain("recorder", text::one_line(error))),
        (None, None) => lines.push(plain("recorder", "none")),
    }
    lines
}

fn supervisor_rows(supervisor: &SupervisorInfo, now: Timestamp) -> Vec<Line> {
    let mut words = format!(
        "{} for {}",
        supervisor.phase,
        seconds(now.since(supervisor.since))
    );
    if supervisor.attempts_without_progress > 0 {
        let attempts = u64::from(supervisor.attempts_without_progress);
        words = format!(
            "{words}, {} without progress",
            text::counted(attempts, "attempt")
        );
    }
    if supervisor.failures > 0 {
        let failures = u64::from(supervisor.failures);
        words = format!("{words}, {}", text::counted(failures, "failure"));
    }
    let mut lines = vec![plain("supervisor", words)];
    if let Some(error) = &supervisor.last_error {
        lines.push(plain("last error", text::one_line(error)));
    }
    lines
}

fn recorder_rows(recorder: &RecorderInfo, now: Timestamp) -> Vec<Line> {
    let attended = if recorder.is_attended {
        "attended"
    } else {
        "not attended"
    };
    let mut agent = format!(
        "{} for {} ({})",
        recorder.agent,
        seconds(now.since(recorder.since)),
        recorder.driver
    );
    if recorder.is_paused {
        agent.push_str(", paused");
    }
    if let Some(pid) = recorder.agent_pid {
        agent = format!("{agent}, pid {pid}");
    }
    let prompts = text::counted(u64::from(recorder.waiting_prompts), "prompt");
    let permissions = text::counted(
        u64::from(recorder.pending_permissions),
        "permission request",
    );
    let mut lines = vec![
        plain("recorder", format!("pid {}, {attended}", recorder.pid)),
        plain("agent", agent),
        plain("waiting", format!("{prompts}, {permissions}")),
        plain("processes", recorder.processes.to_string()),
        plain(
            "journal",
            format!("{} bytes", text::count(recorder.journal_len)),
        ),
    ];
    if recorder.is_waiting_for_disk {
        lines.push(plain("disk", "takes no data; the agent waits"));
    }
    if let Some(left) = recorder.next_deadline_ms {
        lines.push(plain(
            "deadline",
            format!("in {}", seconds(Duration::from_millis(left))),
        ));
    }
    lines
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
