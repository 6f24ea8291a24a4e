//! Permission requests, and the steps that depend on their answers.

use ah_rest_api_contract::{PermissionOption, PermissionOptionKind};
use serde_json::{Map, Value};

use crate::node::Node;
use crate::{Condition, ExpectedAnswer, PermissionAsk, ScenarioError, ScriptStep, StepAction};

/// Parses `agentPermissionRequest`.
pub(super) fn ask(value: &Node, number: usize) -> Result<PermissionAsk, ScenarioError> {
    let call = value.required("toolCall")?;
    let title = call.optional_text("title")?;
    let tool_name = match call.optional_text("toolName")? {
        Some(name) => name,
        None => call
            .optional_text("kind")?
            .unwrap_or_else(|| "tool".to_owned()),
    };
    let mut tool_args = match call.field("args") {
        Some(args) => {
            args.map()?;
            args.to_object()
        }
        None => Map::new(),
    };
    if let Some(title) = title {
        tool_args.entry("title").or_insert(Value::String(title));
    }
    let options = match value.field("options") {
        Some(options) => options
            .list()?
            .iter()
            .map(option)
            .collect::<Result<_, _>>()?,
        None => default_options(),
    };
    if options.is_empty() {
        return Err(value
            .required("options")?
            .invalid("expected at least one option"));
    }
    Ok(PermissionAsk {
        number,
        tool_name,
        tool_args,
        call_id: call.optional_text("toolCallId")?,
        expected: expected(value, &options)?,
        options,
    })
}

fn option(node: &Node) -> Result<PermissionOption, ScenarioError> {
    let id = node.required("id")?.text()?.to_owned();
    let kind = node.required("kind")?.word(&[
        ("allow_once", PermissionOptionKind::AllowOnce),
        ("allow_always", PermissionOptionKind::AllowAlways),
        ("reject_once", PermissionOptionKind::RejectOnce),
        ("reject_always", PermissionOptionKind::RejectAlways),
    ])?;
    let label = node.optional_text("label")?.unwrap_or_else(|| id.clone());
    Ok(PermissionOption::new(id, label, kind))
}

fn default_options() -> Vec<PermissionOption> {
    let option =
        |id: &str, label: &str, kind| PermissionOption::new(id.to_owned(), label.to_owned(), kind);
    vec![
        option("allow", "Allow", PermissionOptionKind::AllowOnce),
        option("deny", "Deny", PermissionOptionKind::RejectOnce),
    ]
}

fn expected(
    value: &Node,
    options: &[PermissionOption],
) -> Result<Option<ExpectedAnswer>, ScenarioError> {
    match (value.field("decision"), value.field("granted")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(value.invalid("expected either `decision` or `granted`, found both"))
        }
        (None, Some(granted)) => Ok(Some(if granted.boolean()? {
            ExpectedAnswer::Granted
        } else {
            ExpectedAnswer::Denied
        })),
        (Some(decision), None) => {
            let cancelled = decision
                .required("outcome")?
                .word(&[("selected", false), ("cancelled", true)])?;
            if cancelled {
                return Ok(Some(ExpectedAnswer::Cancelled));
            }
            let option = decision.required("optionId")?;
            let id = option.text()?;
            if options.iter().all(|option| option.id != id) {
                return Err(option.invalid(format!("there is no option `{id}`")));
            }
            Ok(Some(ExpectedAnswer::Option(id.to_owned())))
        }
    }
}

/// Binds each request to the step that it controls: the next tool use with its tool call id, or
/// without an id the next tool use or edit. Unless the request specifies them, it shows the actual
/// arguments of that step.
pub(super) fn bind(steps: &mut [ScriptStep]) {
    for index in 0..steps.len() {
        let (before, after) = steps.split_at_mut(index + 1);
        let StepAction::Ask(ask) = &mut before[index].action else {
            continue;
        };
        let governed = after
            .iter_mut()
            .find(|step| match (&step.action, &ask.call_id) {
                (StepAction::UseTool(call), Some(id)) => call.call_id.as_ref() == Some(id),
                (StepAction::UseTool(_) | StepAction::Edit(_), None) => true,
                _ => false,
            });
        let Some(governed) = governed else {
            continue;
        };
        governed.conditions.push(Condition::NeedsPermission {
            request: ask.number,
        });
        if let StepAction::UseTool(call) = &governed.action {
            ask.tool_name.clone_from(&call.tool_name);
            for (name, value) in &call.args {
                ask.tool_args.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}
