//! `cargo xtask new-operation`: the files of a new operation of the API.
//!
//! Every place that needs code of its own gets a `compile_error!`, so that the compiler names what
//! is left to do. CONTRIBUTING.md has the checklist.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::workspace::Workspace;

/// The table of the operations.
pub(crate) const TABLE: &str = "crates/ah-rest-api-contract/src/operations/table.rs";
/// The trait.
const TRAIT: &str = "crates/ah-rest-api-contract/src/manager.rs";
/// The implementations that are written by hand, and the type that each is for.
const IMPLEMENTATIONS: [(&str, &str); 2] = [
    (
        "crates/ah-engine/src/manager/task_manager.rs",
        "LocalTaskManager",
    ),
    (
        "crates/ah-rest-mock-client/src/manager/methods.rs",
        "MockTaskManager",
    ),
];
/// The conformance cases for unknown ids, which every operation with an id needs.
const CASES: &str = "crates/ah-conformance/src/cases/unknown.rs";

/// A new operation of `TaskManager`.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Id of the operation, which is the name of its method
    id: String,
    /// Path from the server's root, with parameters in braces
    #[arg(long, value_name = "PATH")]
    path: String,
    /// HTTP method
    #[arg(long, value_name = "METHOD", default_value = "Get", value_parser = ["Get", "Post", "Put", "Delete"])]
    method: String,
    /// Types of the path's parameters with their names, such as `id: SessionId`
    #[arg(long, value_name = "LIST", default_value = "")]
    parameters: String,
    /// Type of the request body
    #[arg(long, value_name = "TYPE")]
    body: Option<String>,
    /// Type of the answer
    #[arg(long, value_name = "TYPE")]
    answer: String,
    /// Permission that the operation requires, a variant of `Action`
    #[arg(long, value_name = "ACTION", default_value = "ReadSessions")]
    action: String,
    /// Summary of the operation, in one line
    #[arg(long, value_name = "TEXT")]
    summary: String,
    /// Description of a successful response
    #[arg(long, value_name = "TEXT")]
    result: String,
}

/// A file with its new contents, relative to the root.
type Edit = (PathBuf, String);

/// Writes the scaffold and lists the files to fill in.
///
/// # Errors
/// If a file has no longer the place that the scaffold goes to; then nothing is written.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let edits = scaffold(workspace.root(), options)?;
    for (path, text) in &edits {
        fs::write(workspace.root().join(path), text)
            .with_context(|| format!("write {}", path.display()))?;
        println!("{}", path.display());
    }
    println!("Replace each `compile_error!`, then run `cargo xtask regenerate`.");
    Ok(())
}

fn scaffold(root: &Path, options: &Options) -> anyhow::Result<Vec<Edit>> {
    let read =
        |path: &str| fs::read_to_string(root.join(path)).with_context(|| format!("read {path}"));
    let mut edits = Vec::new();
    let mut edit = |path: &str, text: String| edits.push((PathBuf::from(path), text));

    let table = read(TABLE)?;
    ensure!(
        !table.contains(&format!(" {} ", options.id)),
        "there is an operation `{}` already",
        options.id
    );
    edit(
        TABLE,
        inserted(
            &table,
            "            }\n            client {",
            &options.row(),
        )?,
    );
    let method = options.method();
    let declaration = format!("\n    /// {}.\n    {method};\n", options.summary);
    edit(
        TRAIT,
        before_end(&read(TRAIT)?, "pub trait TaskManager", &declaration)?,
    );
    for (path, of) in IMPLEMENTATIONS {
        let todo = format!("compile_error!(\"return the answer of {}\")", options.id);
        let body = format!("\n    {method} {{\n        {todo}\n    }}\n");
        edit(
            path,
            before_end(&read(path)?, &format!("impl TaskManager for {of}"), &body)?,
        );
    }
    let cases = read(CASES)? + &format!("\ncompile_error!(\"add the cases of {}\");\n", options.id);
    edit(CASES, cases);
    Ok(edits)
}

impl Options {
    /// The row of the table.
    fn row(&self) -> String {
        let body = self.body.as_ref();
        let body = body.map(|body| format!("                    body {body},\n"));
        let status = match self.method.as_str() {
            "Delete" => 204,
            "Post" => 202,
            _ => 200,
        };
        format!(
            "                {} {} \"{}\" ({})\n{}                    -> {} {}, errors [],\n                    {}, \"{}\",\n                    \"{}\";\n",
            self.id,
            self.method,
            self.path,
            self.parameters,
            body.unwrap_or_default(),
            status,
            self.answer,
            self.action,
            self.summary,
            self.result,
        )
    }

    /// The signature of the trait's method.
    fn method(&self) -> String {
        let mut arguments = String::from("&self");
        if !self.parameters.is_empty() {
            arguments += &format!(", {}", self.parameters);
        }
        if let Some(body) = &self.body {
            arguments += &format!(", body: {body}");
        }
        format!(
            "async fn {}({arguments}) -> Result<{}, TaskManagerError>",
            self.id, self.answer
        )
    }
}

/// `text` with `addition` before `place`.
fn inserted(text: &str, place: &str, addition: &str) -> anyhow::Result<String> {
    let (before, after) = text
        .split_once(place)
        .with_context(|| format!("there is no `{}`", place.trim()))?;
    Ok(format!("{before}{addition}{place}{after}"))
}

/// `text` with `addition` at the end of the item that begins with `item`.
fn before_end(text: &str, item: &str, addition: &str) -> anyhow::Result<String> {
    let begin = text
        .find(item)
        .with_context(|| format!("there is no `{item}`"))?;
    let length = text[begin..]
        .find("\n}\n")
        .context("the item does not end")?;
    let end = begin + length + 1;
    Ok(format!("{}{addition}{}", &text[..end], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn scaffold_matches_the_files_and_leaves_gaps_to_the_compiler() {
        let options = Options {
            id: "get_session_weather".to_owned(),
            path: "/api/v1/sessions/{id}/weather".to_owned(),
            method: "Get".to_owned(),
            parameters: "id: SessionId".to_owned(),
            body: None,
            answer: "Weather".to_owned(),
            action: "ReadSessions".to_owned(),
            summary: "Get the weather of a session".to_owned(),
            result: "The weather.".to_owned(),
        };
        let edits = scaffold(&root(), &options).unwrap();
        assert_eq!(edits.len(), 5);
        let named = edits.iter().filter(|(_, text)| text.contains(&options.id));
        assert_eq!(named.count(), edits.len());
        let unfinished = edits
            .iter()
            .filter(|(_, text)| text.contains("compile_error!"));
        assert_eq!(unfinished.count(), edits.len() - 2);
        let mut again = options;
        again.id = "get_session".to_owned();
        assert!(scaffold(&root(), &again).is_err());
    }
}
