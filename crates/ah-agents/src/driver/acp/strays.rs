//! The output of an agent that nothing expects, reported up to a limit.

use std::cmp::Ordering;

use ah_lifecycle::turns::{AgentOutput, leave_out_middle};
use ah_rest_api_contract::{EventPayload, Log, LogLevel};

/// The maximum number of reported stray outputs: text that is not a message, and messages that
/// nothing expects. Some agents print a few notices; further ones are only counted.
const STRAY_REPORTED_MAX: usize = 100;

/// The maximum reported length of such an output, in bytes.
const STRAY_BYTES_MAX: usize = 1024;

/// The maximum number of unknown kinds of updates and of unsupported methods that are reported.
const UNKNOWN_KINDS_MAX: usize = 32;

/// The unexpected output so far.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// The number of stray outputs.
    count: usize,
    /// The unknown kinds of updates and the unsupported methods that were reported.
    unknown_kinds: Vec<String>,
}

impl Strays {
    /// Reports an output that is not a message or that nothing expects, up to a limit.
    pub(super) fn add(&mut self, report: AgentOutput, output: &mut Vec<AgentOutput>) {
        self.count += 1;
        match self.count.cmp(&STRAY_REPORTED_MAX) {
            Ordering::Less => output.push(report),
            Ordering::Equal => {
                let message = "the agent keeps printing lines that are not ACP messages or that \
                               nothing expects; further ones are not logged";
                output.push(log(LogLevel::Warn, message.to_owned()));
            }
            Ordering::Greater => {}
        }
    }

    /// Reports an invalid or unexpected message for this reason.
    pub(super) fn add_malformed(&mut self, reason: String, output: &mut Vec<AgentOutput>) {
        self.add(AgentOutput::Malformed(reason), output);
    }

    /// Reports a text that is not a message.
    pub(super) fn add_junk(&mut self, text: &str, output: &mut Vec<AgentOutput>) {
        let text = shortened(text);
        let message = format!("the agent printed a line that is not an ACP message: {text}");
        self.add(log(LogLevel::Warn, message), output);
    }

    /// Reports something of an unknown kind, once.
    pub(super) fn add_unknown(
        &mut self,
        kind: &str,
        message: String,
        output: &mut Vec<AgentOutput>,
    ) {
        let is_known = self.unknown_kinds.iter().any(|known| known == kind);
        if is_known || self.unknown_kinds.len() >= UNKNOWN_KINDS_MAX {
            return;
        }
        self.unknown_kinds.push(kind.to_owned());
        output.push(log(LogLevel::Debug, message));
    }

    /// Reports the number of stray outputs at the end, if not all were reported.
    pub(super) fn finish(&self, output: &mut Vec<AgentOutput>) {
        if self.count > STRAY_REPORTED_MAX {
            let message = format!(
                "the agent sent {} outputs that are not ACP messages or that nothing expected",
                self.count
            );
            output.push(log(LogLevel::Warn, message));
        }
    }
}

/// Returns the text without its middle if it is long.
pub(super) fn shortened(text: &str) -> String {
    let mut text = text.trim().to_owned();
    leave_out_middle(&mut text, STRAY_BYTES_MAX);
    text
}

/// Returns the output of a log line.
pub(super) fn log(level: LogLevel, message: String) -> AgentOutput {
    AgentOutput::Event(EventPayload::Log(Log::new(level, message)))
}
