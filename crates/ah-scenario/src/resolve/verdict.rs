//! The end of a turn, and the assertions about it.

use crate::node::{Node, NodeKind};
use crate::{Assertion, ScenarioError, StepAction};
use ah_rest_api_contract::{EventPayload, Log, LogLevel};

/// Parses `status`. `completed` and `failed` end the turn. Others are only logged, because an agent
/// does not set the status of its session.
pub(super) fn status(value: &Node) -> Result<StepAction, ScenarioError> {
    let status = match &value.kind {
        NodeKind::Text(status) => status,
        _ => value.required("status")?.text()?,
    };
    Ok(match status {
        "completed" => StepAction::Complete,
        "failed" => StepAction::Fail(
            value
                .optional_text("reason")?
                .unwrap_or_else(|| "the scenario says so".to_owned()),
        ),
        other => StepAction::Event(EventPayload::Log(Log::new(
            LogLevel::Info,
            format!("status: {other}"),
        ))),
    })
}

/// Parses `error`: a text or `{message}`.
pub(super) fn failure(value: &Node) -> Result<String, ScenarioError> {
    match &value.kind {
        NodeKind::Text(message) => Ok(message.clone()),
        _ => value.required("message")?.text().map(str::to_owned),
    }
}

/// Parses `exit`: a number or `{code}`.
pub(super) fn exit_code(value: &Node) -> Result<u8, ScenarioError> {
    let code = match &value.kind {
        NodeKind::Map(_) => value.required("code")?,
        _ => value,
    };
    u8::try_from(code.count()?).map_err(|_| code.expected("an exit code from 0 to 255"))
}

/// Parses the parts of `assert`.
pub(super) fn assertions(value: &Node) -> Result<Vec<Assertion>, ScenarioError> {
    let mut assertions = Vec::new();
    if let Some(fs) = value.field("fs") {
        assertions.extend(texts(fs, "exists")?.into_iter().map(Assertion::Exists));
        assertions.extend(
            texts(fs, "notExists")?
                .into_iter()
                .map(Assertion::NotExists),
        );
    }
    if let Some(text) = value.field("text") {
        let file = text.optional_text("file")?;
        assertions.extend(texts(text, "contains")?.into_iter().map(|text| {
            Assertion::TextContains {
                file: file.clone(),
                text,
            }
        }));
    }
    for json in value.field("json").map_or(&[][..], Node::one_or_more) {
        assertions.push(Assertion::JsonEquals {
            file: json.required("file")?.text()?.to_owned(),
            pointer: json.required("pointer")?.text()?.to_owned(),
            // Null may be the expected value, so this is not `required`.
            value: json
                .map()?
                .iter()
                .find(|(key, _)| key == "equals")
                .map(|(_, node)| node.to_value())
                .ok_or_else(|| json.invalid("`equals` is missing"))?,
        });
    }
    for git in value.field("git").map_or(&[][..], Node::one_or_more) {
        let commit = git.required("commit")?;
        commit.required("messageContains")?;
        let wanted = texts(commit, "messageContains")?;
        assertions.extend(wanted.into_iter().map(Assertion::CommitMessageContains));
    }
    if assertions.is_empty() {
        return Err(value.invalid("expected at least one of `fs`, `text`, `json`, `git`"));
    }
    Ok(assertions)
}

/// Returns a field that is a text or a list of texts.
fn texts(node: &Node, name: &str) -> Result<Vec<String>, ScenarioError> {
    node.map()?;
    node.field(name)
        .map_or(&[][..], Node::one_or_more)
        .iter()
        .map(|node| node.text().map(str::to_owned))
        .collect()
}
