//! Resolves a document without rules into a script.

mod content;
mod permission;
mod speech;
mod tool;
mod verdict;

use std::time::Duration;

use ah_rest_api_contract::{
    EventPayload, Log, LogLevel, Plan, PlanEntry, PlanPriority, PlanStatus, Progress,
    PromptContent, Usage,
};

use crate::entries::ENTRIES;
use crate::node::{Node, NodeKind};
use crate::{Condition, FileRead, ScenarioError, Script, ScriptStep, ScriptedEdit, StepAction};

/// Returns the script of a document.
pub(crate) fn script(name: &str, document: &Node) -> Result<Script, ScenarioError> {
    let mut timeline = Timeline::default();
    if let Some(prompt) = document.field("initialPrompt") {
        timeline.initial_prompt = Some(content::prompt(prompt)?);
    }
    timeline.play_all(document.required("timeline")?)?;
    permission::bind(&mut timeline.steps);
    Ok(Script {
        name: name.to_owned(),
        initial_prompt: timeline.initial_prompt,
        steps: timeline.steps,
    })
}

/// A script under construction.
#[derive(Default)]
struct Timeline {
    initial_prompt: Option<PromptContent>,
    steps: Vec<ScriptStep>,
    /// The conditions of the steps that follow.
    conditions: Vec<Condition>,
    /// The number of permission requests so far.
    requests: usize,
    /// The scripted time of the turn so far.
    elapsed: Duration,
    /// The time of the turn's last `baseTimeDelta`.
    base: Duration,
    /// True once the first turn has begun: its prompt was read, or the agent has acted.
    begun: bool,
}

impl Timeline {
    fn play_all(&mut self, entries: &Node) -> Result<(), ScenarioError> {
        entries
            .list()?
            .iter()
            .try_for_each(|entry| self.play(entry))
    }

    fn push(&mut self, node: &Node, delay: Duration, action: StepAction) {
        self.elapsed += delay + action.duration();
        // Entries that only wait, log or are not played may precede the first prompt.
        self.begun |= !matches!(
            action,
            StepAction::Wait | StepAction::Event(EventPayload::Log(_)) | StepAction::NotPlayed(_)
        );
        self.steps.push(ScriptStep {
            place: node.place.path.clone(),
            delay,
            conditions: self.conditions.clone(),
            action,
        });
    }

    fn now(&mut self, node: &Node, action: StepAction) {
        self.push(node, Duration::ZERO, action);
    }

    /// Resolves one entry of a timeline: an object with one known key, or the name of an entry
    /// without a value.
    fn play(&mut self, entry: &Node) -> Result<(), ScenarioError> {
        if let NodeKind::Text(name) = &entry.kind {
            let nothing = Node {
                place: entry.place.clone(),
                kind: NodeKind::Null,
            };
            return self.play_entry(name, &nothing);
        }
        let mut known = entry
            .map()?
            .iter()
            .filter(|(key, _)| ENTRIES.contains(&key.as_str()));
        match (known.next(), known.next()) {
            (Some((key, value)), None) => self.play_entry(key, value),
            (Some((one, _)), Some((other, _))) => Err(entry.invalid(format!(
                "expected one entry, found `{one}` and `{other}`: make two items of the list of them"
            ))),
            (None, _) => {
                let name = entry.map()?.first().map_or("an empty entry", |(key, _)| key);
                self.now(entry, StepAction::NotPlayed(name.to_owned()));
                Ok(())
            }
        }
    }

    fn play_entry(&mut self, key: &str, value: &Node) -> Result<(), ScenarioError> {
        match key {
            "agentActions" | "userActions" => return self.play_all(value),
            "ifGranted" | "ifDenied" => return self.play_branch(key, value),
            "llmResponse" => return self.play_response(value),
            "think" | "assistant" => return self.play_speech(key, value),
            "agentToolUse" => {
                let call = tool::call(value)?;
                self.now(value, StepAction::UseTool(call));
            }
            "agentPermissionRequest" => {
                let ask = permission::ask(value, self.requests)?;
                self.requests += 1;
                self.now(value, StepAction::Ask(ask));
            }
            "agentFileReads" => return self.play_reads(value),
            "userInputs" => return self.play_inputs(value),
            "baseTimeDelta" | "advanceMs" => {
                self.base += value.millis()?;
                let wait = self.base.saturating_sub(self.elapsed);
                self.push(value, wait, StepAction::Wait);
            }
            "assert" => {
                for assertion in verdict::assertions(value)? {
                    self.now(value, StepAction::Assert(assertion));
                }
            }
            "status" => {
                let action = verdict::status(value)?;
                self.now(value, action);
            }
            _ => {
                let action = simple(key, value)?;
                self.now(value, action);
            }
        }
        Ok(())
    }

    /// Resolves entries that depend on the answer to the last permission request before them.
    fn play_branch(&mut self, key: &str, value: &Node) -> Result<(), ScenarioError> {
        let request = self.requests.checked_sub(1).ok_or_else(|| {
            value.invalid(format!("`{key}` needs an agentPermissionRequest before it"))
        })?;
        self.conditions.push(if key == "ifGranted" {
            Condition::IfGranted { request }
        } else {
            Condition::IfDenied { request }
        });
        let played = self.play_all(value);
        self.conditions.pop();
        played
    }

    fn play_reads(&mut self, value: &Node) -> Result<(), ScenarioError> {
        for file in value.required("files")?.list()? {
            let read = match &file.kind {
                NodeKind::Text(path) => FileRead {
                    path: path.clone(),
                    expected_content: None,
                },
                _ => FileRead {
                    path: file.required("path")?.text()?.to_owned(),
                    expected_content: file.optional_text("expectedContent")?,
                },
            };
            self.now(file, StepAction::Read(read));
        }
        Ok(())
    }

    /// Resolves user inputs. The first one, if nothing was played before, is the initial prompt of
    /// the session. Each later one ends a turn.
    fn play_inputs(&mut self, value: &Node) -> Result<(), ScenarioError> {
        for input in value.one_or_more() {
            let prompt = content::user_input(input)?;
            if input.field("target").is_some() {
                self.now(
                    input,
                    StepAction::NotPlayed("userInputs with a target".to_owned()),
                );
            } else if self.begun {
                self.now(input, StepAction::AwaitPrompt(prompt));
                self.elapsed = Duration::ZERO;
                self.base = Duration::ZERO;
            } else {
                self.initial_prompt = Some(prompt);
                self.begun = true;
            }
        }
        Ok(())
    }
}

/// Resolves an entry that is a single action, independent of its context.
fn simple(key: &str, value: &Node) -> Result<StepAction, ScenarioError> {
    Ok(match key {
        "agentEdits" => StepAction::Edit(ScriptedEdit {
            path: value.required("path")?.text()?.to_owned(),
            lines_added: edited_lines(value, "linesAdded")?,
            lines_removed: edited_lines(value, "linesRemoved")?,
        }),
        "agentPlan" => StepAction::Event(EventPayload::Plan(plan(value)?)),
        "log" => StepAction::Event(EventPayload::Log(log(value)?)),
        "progress" => StepAction::Event(EventPayload::Progress(progress(value)?)),
        "usage" => StepAction::Event(EventPayload::Usage(usage(value)?)),
        "complete" => StepAction::Complete,
        "error" => StepAction::Fail(verdict::failure(value)?),
        "exit" => StepAction::Exit(verdict::exit_code(value)?),
        "crash" => StepAction::Crash,
        "hang" => StepAction::Hang,
        other => StepAction::NotPlayed(other.to_owned()),
    })
}

/// The maximum number of lines that a scripted edit adds or removes.
const EDITED_LINES_MAX: u64 = 100_000;

fn edited_lines(value: &Node, field: &str) -> Result<u64, ScenarioError> {
    let Some(node) = value.field(field) else {
        return Ok(0);
    };
    match node.count()? {
        lines if lines <= EDITED_LINES_MAX => Ok(lines),
        _ => Err(node.invalid(format!("an edit has at most {EDITED_LINES_MAX} lines"))),
    }
}

fn plan(value: &Node) -> Result<Plan, ScenarioError> {
    let entries = match &value.kind {
        NodeKind::List(entries) => entries,
        _ => value.required("entries")?.list()?,
    };
    let entries = entries.iter().map(plan_entry).collect::<Result<_, _>>()?;
    Ok(Plan::new(entries))
}

fn plan_entry(entry: &Node) -> Result<PlanEntry, ScenarioError> {
    const PRIORITIES: &[(&str, PlanPriority)] = &[
        ("high", PlanPriority::High),
        ("medium", PlanPriority::Medium),
        ("low", PlanPriority::Low),
    ];
    const STATUSES: &[(&str, PlanStatus)] = &[
        ("pending", PlanStatus::Pending),
        ("in_progress", PlanStatus::InProgress),
        ("completed", PlanStatus::Completed),
    ];
    let priority = entry
        .field("priority")
        .map(|node| node.word(PRIORITIES))
        .transpose()?;
    let status = entry
        .field("status")
        .map(|node| node.word(STATUSES))
        .transpose()?;
    Ok(PlanEntry::new(
        entry.required("content")?.text()?.to_owned(),
        status.unwrap_or(PlanStatus::Pending),
        priority.unwrap_or(PlanPriority::Medium),
    ))
}

fn log(value: &Node) -> Result<Log, ScenarioError> {
    const LEVELS: &[(&str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let (level, message) = match &value.kind {
        NodeKind::Text(message) => (None, message.clone()),
        _ => (
            value.field("level"),
            value.required("message")?.text()?.to_owned(),
        ),
    };
    Ok(Log::new(
        level
            .map(|node| node.word(LEVELS))
            .transpose()?
            .unwrap_or(LogLevel::Info),
        message,
    ))
}

fn progress(value: &Node) -> Result<Progress, ScenarioError> {
    let node = value.required("progress")?;
    let hundredths = u8::try_from(node.count()?)
        .ok()
        .filter(|hundredths| *hundredths <= 100);
    Ok(Progress::new(
        hundredths.ok_or_else(|| node.expected("a whole number from 0 to 100"))?,
        value.optional_text("stage")?.unwrap_or_default(),
    ))
}

fn usage(value: &Node) -> Result<Usage, ScenarioError> {
    value.map()?;
    let count = |name: &str| value.field(name).map(Node::count).transpose();
    let cost = value.field("costUsd").map(|node| {
        match &node.kind {
            NodeKind::Number(number) => number.as_f64().filter(|cost| *cost >= 0.0),
            _ => None,
        }
        .ok_or_else(|| node.expected("a price in US dollars, from 0 up"))
    });
    Ok(Usage {
        input_tokens: count("inputTokens")?.unwrap_or(0),
        output_tokens: count("outputTokens")?.unwrap_or(0),
        cached_tokens: count("cachedTokens")?,
        cost_usd: cost.transpose()?,
        context_used: count("contextUsed")?,
        context_size: count("contextSize")?,
        model: value.optional_text("model")?,
    })
}

#[cfg(test)]
mod tests;
