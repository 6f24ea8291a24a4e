//! Tools that read and change files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::{Args, missing};
use super::work::{Ran, ToolWork, WatchedFile};
use crate::scenario_agent::edit::file_edit;
use crate::scenario_agent::output::shortened;

/// The maximum size of a file that a tool reads or changes, in bytes.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// `readFile {path}`.
pub(super) fn read(args: &Args<'_>) -> Result<Ran, String> {
    let (path, file) = located(args)?;
    let text = text_of(&path, &file)?.ok_or_else(|| format!("{path}: no such file"))?;
    Ok(Ran::completed(shortened(text)))
}

/// `listDir {path?}`: the sorted names, folders with a `/`.
pub(super) fn list(args: &Args<'_>) -> Result<Ran, String> {
    let path = args.text(&["path"])?.unwrap_or_else(|| ".".to_owned());
    let folder = args
        .context
        .workspace
        .resolve(&path)
        .map_err(|error| error.to_string())?;
    let wrong = |error: std::io::Error| format!("{path}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let slash = if entry.file_type().map_err(wrong)?.is_dir() {
            "/"
        } else {
            ""
        };
        names.push(format!("{}{slash}\n", entry.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(Ran::completed(shortened(names.concat())))
}

/// `writeFile {path, content}`: missing parent folders are created.
pub(super) fn write(args: &Args<'_>) -> Result<Ran, String> {
    let (path, file) = located(args)?;
    let content = args.required(&["content", "text"])?;
    let before = text_of(&path, &file)?.unwrap_or_default();
    store(&path, &file, &content)?;
    let mut ran = Ran::completed(format!("wrote {} bytes to {path}", content.len()));
    ran.edit = Some(file_edit(&path, &before, &content));
    Ok(ran)
}

/// `editFile {path, oldText, newText, replaceAll?}`: `oldText` must occur, and only once unless
/// `replaceAll` is set.
pub(super) fn edit(args: &Args<'_>) -> Result<Ran, String> {
    let (path, file) = located(args)?;
    let old = args.required(&["oldText", "old_string"])?;
    let new = args.required(&["newText", "new_string"])?;
    let before = text_of(&path, &file)?.ok_or_else(|| format!("{path}: no such file"))?;
    let occurrences = if old.is_empty() {
        0
    } else {
        before.matches(&old).count()
    };
    if occurrences == 0 {
        return Err(format!("{path}: the text to replace does not occur"));
    }
    if occurrences > 1 && !args.flag("replaceAll")? {
        return Err(format!(
            "{path}: the text to replace occurs {occurrences} times"
        ));
    }
    let after = before.replace(&old, &new);
    store(&path, &file, &after)?;
    let mut ran = Ran::completed(format!("edited {path}"));
    ran.edit = Some(file_edit(&path, &before, &after));
    Ok(ran)
}

/// `sed {expression, path, inPlace?}`. The expression is a program, so no value is substituted in
/// it.
pub(super) fn sed(args: &Args<'_>) -> Result<ToolWork, String> {
    let names = ["expression", "script"];
    let expression = args.text(&names)?.ok_or_else(|| missing(&names))?;
    let (path, file) = located(args)?;
    let mut command = args.command("sed");
    if !args.flag("inPlace")? {
        command.args(["-e", &expression, "--"]).arg(&file);
        return Ok(ToolWork::Command(command));
    }
    let before = text_of(&path, &file)?.ok_or_else(|| format!("{path}: no such file"))?;
    command.args(["-i", "-e", &expression, "--"]).arg(&file);
    Ok(ToolWork::EditingCommand(
        command,
        WatchedFile { path, file, before },
    ))
}

fn located(args: &Args<'_>) -> Result<(String, PathBuf), String> {
    let path = args.required(&["path", "file_path", "filePath"])?;
    let file = args
        .context
        .workspace
        .resolve(&path)
        .map_err(|error| error.to_string())?;
    Ok((path, file))
}

/// Returns the text of a file, or `None` if it does not exist.
pub(in crate::scenario_agent) fn text_of(
    path: &str,
    file: &Path,
) -> Result<Option<String>, String> {
    let wrong = |error: std::io::Error| format!("{path}: {error}");
    let length = match fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(format!("{path}: not a file")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    if length > FILE_BYTES_MAX {
        return Err(format!(
            "{path}: {length} bytes exceed the limit of this tool ({FILE_BYTES_MAX})"
        ));
    }
    fs::read_to_string(file).map(Some).map_err(wrong)
}

/// Writes a file, and creates its missing parent folders.
pub(in crate::scenario_agent) fn store(
    path: &str,
    file: &Path,
    content: &str,
) -> Result<(), String> {
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(file, content))
        .map_err(|error| format!("{path}: {error}"))
}
