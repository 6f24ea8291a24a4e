//! The assertions of a scenario, checked against the real workspace.

use std::fs;
use std::io::ErrorKind;

use ah_scenario::Assertion;
use serde_json::Value;
use tokio::process::Command;

use super::tool::files::text_of;
use super::workspace::AgentFolder;

/// Checks an assertion against the workspace and `said`, the agent's messages and tool outputs.
/// Returns a description of the actual state if it does not hold.
pub(super) async fn check(
    assertion: &Assertion,
    workspace: &AgentFolder,
    output: &str,
) -> Result<(), String> {
    match assertion {
        Assertion::Exists(path) => match exists(workspace, path)? {
            true => Ok(()),
            false => Err(format!("{path} does not exist")),
        },
        Assertion::NotExists(path) => match exists(workspace, path)? {
            true => Err(format!("{path} exists")),
            false => Ok(()),
        },
        Assertion::TextContains { file: None, text } => contains("what was said", output, text),
        Assertion::TextContains {
            file: Some(path),
            text,
        } => contains(path, &text_file(workspace, path)?, text),
        Assertion::JsonEquals {
            file,
            pointer,
            value,
        } => {
            let text = text_file(workspace, file)?;
            let document: Value =
                serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
            match document.pointer(pointer) {
                Some(found) if found == value => Ok(()),
                Some(found) => Err(format!("{file} has {found} at `{pointer}`, not {value}")),
                None => Err(format!("{file} has nothing at `{pointer}`")),
            }
        }
        Assertion::CommitMessageContains(text) => contains(
            "the message of the last commit",
            &last_commit(workspace).await?,
            text,
        ),
    }
}

fn contains(what: &str, whole: &str, part: &str) -> Result<(), String> {
    if whole.contains(part) {
        Ok(())
    } else {
        Err(format!("{what} does not contain `{part}`"))
    }
}

fn exists(workspace: &AgentFolder, path: &str) -> Result<bool, String> {
    let file = workspace.resolve(path).map_err(|error| error.to_string())?;
    match fs::symlink_metadata(file) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(format!("{path}: {error}")),
    }
}

fn text_file(workspace: &AgentFolder, path: &str) -> Result<String, String> {
    let file = workspace.resolve(path).map_err(|error| error.to_string())?;
    text_of(path, &file)?.ok_or_else(|| format!("{path} does not exist"))
}

async fn last_commit(workspace: &AgentFolder) -> Result<String, String> {
    let output = Command::new("git")
        .args(["log", "-1", "--format=%B"])
        .current_dir(workspace.root())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("git: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "git: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}
