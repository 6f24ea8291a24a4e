//! The tools that the agent runs for real.

pub(super) mod files;

use std::process::Stdio;

use ah_rest_api_contract::{FileEdit, Plan, PlanEntry, PlanPriority, PlanStatus, ToolOutcome};
use ah_scenario::Defines;
use serde_json::{Map, Value};
use tokio::process::Command;

use super::workspace::AgentFolder;

/// The context of a tool use.
pub(super) struct ToolContext<'a> {
    pub(super) workspace: &'a AgentFolder,
    /// The prompt of the turn.
    pub(super) prompt: &'a str,
    pub(super) defines: &'a Defines,
}

/// The work of a tool use.
pub(super) enum Work {
    /// A command to run, whose output is the tool's output.
    Command(Command),
    /// A command to run that may change this file.
    EditingCommand(Command, files::Watched),
    /// A finished tool use.
    Done(Ran),
    /// The agent has no such tool, so only the scenario's result can be reported. The reason as
    /// text.
    NotHere(&'static str),
}

/// The result of a tool that was run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) output: String,
    pub(super) outcome: ToolOutcome,
    pub(super) edit: Option<FileEdit>,
    pub(super) plan: Option<Plan>,
}

impl Ran {
    pub(super) const fn completed(output: String) -> Self {
        Self {
            output,
            outcome: ToolOutcome::Completed,
            edit: None,
            plan: None,
        }
    }

    pub(super) const fn failed(output: String) -> Self {
        Self {
            output,
            outcome: ToolOutcome::Failed,
            edit: None,
            plan: None,
        }
    }
}

/// Performs a tool use, or returns the command that performs it. The error describes invalid
/// arguments.
pub(super) fn prepare(
    tool: &str,
    args: &Map<String, Value>,
    context: &ToolContext<'_>,
) -> Result<Work, String> {
    let args = Args { args, context };
    Ok(match tool {
        "runCmd" => Work::Command(shell(&args)?),
        "grep" => Work::Command(grep(&args)?),
        "find" => Work::Command(find(&args)?),
        "sed" => files::sed(&args)?,
        "readFile" => Work::Done(files::read(&args)?),
        "listDir" => Work::Done(files::list(&args)?),
        "writeFile" => Work::Done(files::write(&args)?),
        "editFile" => Work::Done(files::edit(&args)?),
        "todoWrite" => Work::Done(todo(&args)?),
        "webFetch" | "webSearch" => Work::NotHere("no network here"),
        "bashOutput" | "killShell" => Work::NotHere("no background shell here"),
        _ => Work::NotHere("no such tool here"),
    })
}

/// The arguments of a tool.
pub(super) struct Args<'a> {
    args: &'a Map<String, Value>,
    context: &'a ToolContext<'a>,
}

impl Args<'_> {
    /// Returns the text under the first of these names that is present. A number or a boolean is
    /// converted to its text: YAML reads `cmd: true` as a boolean.
    fn text(&self, names: &[&str]) -> Result<Option<String>, String> {
        let Some((name, value)) = names
            .iter()
            .find_map(|name| self.args.get(*name).map(|value| (name, value)))
        else {
            return Ok(None);
        };
        match value {
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok(Some(value.to_string())),
            Value::Null => Ok(None),
            Value::Array(_) | Value::Object(_) => Err(format!("`{name}` must be a text")),
        }
    }

    fn required(&self, names: &[&str]) -> Result<String, String> {
        self.text(names)?.ok_or_else(|| missing(names))
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.args.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("`{name}` must be true or false")),
        }
    }

    /// Returns a command in the workspace. The prompt and the defines are in its environment, and
    /// never part of its text.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.context.workspace.root())
            .env("AH_PROMPT", self.context.prompt)
            .stdin(Stdio::null());
        for (name, value) in self.context.defines.iter() {
            command.env(format!("AH_DEFINE_{name}"), value);
        }
        command
    }
}

fn missing(names: &[&str]) -> String {
    format!(
        "`{}` is missing",
        names.first().copied().unwrap_or_default()
    )
}

/// `runCmd {cmd, cwd?}`: runs the command in a shell.
fn shell(args: &Args<'_>) -> Result<Command, String> {
    let names = ["cmd", "command"];
    let text = args.text(&names)?.ok_or_else(|| missing(&names))?;
    let mut command = args.command("sh");
    command.arg("-c").arg(text);
    if let Some(folder) = args.text(&["cwd"])? {
        let folder = args
            .context
            .workspace
            .resolve(&folder)
            .map_err(|error| error.to_string())?;
        command.current_dir(folder);
    }
    Ok(command)
}

/// `grep {pattern, path?}`: the matching lines of text files, with their numbers.
fn grep(args: &Args<'_>) -> Result<Command, String> {
    let pattern = args.required(&["pattern"])?;
    let path = inside(args, "path")?;
    let mut command = args.command("grep");
    command.args(["-rnI", "--exclude-dir=.git", "-e", &pattern, "--", &path]);
    Ok(command)
}

/// `find {path?, name?}`: the files below a folder, without those of git.
fn find(args: &Args<'_>) -> Result<Command, String> {
    let path = inside(args, "path")?;
    let mut command = args.command("find");
    command.args([&path, "-name", ".git", "-prune", "-o", "-type", "f"]);
    if let Some(name) = args.text(&["name", "pattern"])? {
        command.args(["-name", &name]);
    }
    command.arg("-print");
    Ok(command)
}

/// Returns a checked path argument in a form that no tool takes for an option.
fn inside(args: &Args<'_>, name: &str) -> Result<String, String> {
    let path = args.text(&[name])?.unwrap_or_else(|| ".".to_owned());
    args.context
        .workspace
        .resolve(&path)
        .map_err(|error| error.to_string())?;
    Ok(if path.starts_with('.') {
        path
    } else {
        format!("./{path}")
    })
}

/// `todoWrite {todos: [{content, status?, priority?}]}`: the agent's plan.
fn todo(args: &Args<'_>) -> Result<Ran, String> {
    let todos = args.args.get("todos").and_then(Value::as_array);
    let todos = todos.ok_or_else(|| "`todos` must be a list".to_owned())?;
    let entries = todos
        .iter()
        .map(todo_entry)
        .collect::<Result<Vec<_>, _>>()?;
    let plural = if entries.len() == 1 { "" } else { "s" };
    let mut ran = Ran::completed(format!("{} todo{plural}", entries.len()));
    ran.plan = Some(Plan { entries });
    Ok(ran)
}

fn todo_entry(todo: &Value) -> Result<PlanEntry, String> {
    let word = |name: &str| todo.get(name).and_then(Value::as_str);
    Ok(PlanEntry {
        content: word("content").ok_or("a todo needs `content`")?.to_owned(),
        status: match word("status") {
            None | Some("pending") => PlanStatus::Pending,
            Some("in_progress") => PlanStatus::InProgress,
            Some("completed") => PlanStatus::Completed,
            Some(other) => return Err(format!("`{other}` is not the status of a todo")),
        },
        priority: match word("priority") {
            Some("high") => PlanPriority::High,
            None | Some("medium") => PlanPriority::Medium,
            Some("low") => PlanPriority::Low,
            Some(other) => return Err(format!("`{other}` is not the priority of a todo")),
        },
    })
}
