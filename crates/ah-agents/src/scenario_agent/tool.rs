//! The tools that the agent runs for real.

mod args;
pub(super) mod files;
mod work;

use ah_rest_api_contract::{Plan, PlanEntry, PlanPriority, PlanStatus};
use serde_json::{Map, Value};
use tokio::process::Command;

pub(super) use args::ToolContext;
use args::{Args, missing};
pub(super) use work::{Ran, ToolWork};

/// Performs a tool use, or returns the command that performs it. The error describes invalid
/// arguments.
pub(super) fn prepare(
    tool: &str,
    args: &Map<String, Value>,
    context: &ToolContext<'_>,
) -> Result<ToolWork, String> {
    let args = Args { args, context };
    Ok(match tool {
        "runCmd" => ToolWork::Command(shell(&args)?),
        "grep" => ToolWork::Command(grep(&args)?),
        "find" => ToolWork::Command(find(&args)?),
        "sed" => files::sed(&args)?,
        "readFile" => ToolWork::Done(files::read(&args)?),
        "listDir" => ToolWork::Done(files::list(&args)?),
        "writeFile" => ToolWork::Done(files::write(&args)?),
        "editFile" => ToolWork::Done(files::edit(&args)?),
        "todoWrite" => ToolWork::Done(todo(&args)?),
        "webFetch" | "webSearch" => ToolWork::NotHere("no network here"),
        "bashOutput" | "killShell" => ToolWork::NotHere("no background shell here"),
        _ => ToolWork::NotHere("no such tool here"),
    })
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
    ran.plan = Some(Plan::new(entries));
    Ok(ran)
}

fn todo_entry(todo: &Value) -> Result<PlanEntry, String> {
    let word = |name: &str| todo.get(name).and_then(Value::as_str);
    Ok(PlanEntry::new(
        word("content").ok_or("a todo needs `content`")?.to_owned(),
        match word("status") {
            None | Some("pending") => PlanStatus::Pending,
            Some("in_progress") => PlanStatus::InProgress,
            Some("completed") => PlanStatus::Completed,
            Some(other) => return Err(format!("`{other}` is not the status of a todo")),
        },
        match word("priority") {
            Some("high") => PlanPriority::High,
            None | Some("medium") => PlanPriority::Medium,
            Some("low") => PlanPriority::Low,
            Some(other) => return Err(format!("`{other}` is not the priority of a todo")),
        },
    ))
}
