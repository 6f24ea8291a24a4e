//! `cargo xtask new-operation`: the files of a new operation of the API.
//!
//! Every place that needs code of its own gets a `compile_error!`, so that the compiler names what
//! is left to do. CONTRIBUTING.md has the checklist.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::workspace::Workspace;

/// The table of the operations.
const TABLE: &str = "crates/ah-rest-api-contract/src/operations/table.rs";
/// The trait.
const TRAIT: &str = "crates/ah-rest-api-contract/src/manager.rs";
/// The implementations that are written by hand, and the type that each is for.
const IMPLEMENTATIONS: [(&str, &str); 2] = [
    ("crates/ah-engine/src/manager.rs", "LocalTaskManager"),
    (
        "crates/ah-rest-mock-client/src/manager/methods.rs",
        "MockTaskManager",
    ),
];
/// The conformance cases for unknown ids, which every operation with an id needs.
const CASES: &str = "crates/ah-conformance/src/cases/unknown.rs";
/// The handlers, one file per resource.
const HANDLERS: &str = "crates/ah-rest-server/src/api/v1";

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
    /// One line that says what the operation does
    #[arg(long, value_name = "TEXT")]
    summary: String,
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
    let handlers = options.handlers()?;
    let handler = read(&handlers)? + &options.handler();
    edit(&handlers, handler);
    let cases = read(CASES)? + &format!("\ncompile_error!(\"add the cases of {}\");\n", options.id);
    edit(CASES, cases);
    Ok(edits)
}

impl Options {
    /// The row of the table.
    fn row(&self) -> String {
        let body = self.body.as_ref();
        let body = body.map(|body| format!("                    body {body},\n"));
        format!(
            "                {} {} \"{}\" ({})\n{}                    -> 200 {}, errors [],\n                    {}, \"{}\";\n",
            self.id,
            self.method,
            self.path,
            self.parameters,
            body.unwrap_or_default(),
            self.answer,
            self.action,
            self.summary,
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

    /// The file of the handler, by the first segment of the path within the API.
    fn handlers(&self) -> anyhow::Result<String> {
        let within = self.path.strip_prefix("/api/v1/");
        let resource = within.and_then(|path| path.split('/').next());
        let resource = resource.context("the path is not within /api/v1")?;
        Ok(format!("{HANDLERS}/{resource}.rs"))
    }

    /// The handler, which has the operation's id as its name and so needs no registration.
    fn handler(&self) -> String {
        let mut arguments = String::new();
        if self.body.is_none() {
            arguments += "    Access(access): Access,\n";
        }
        for parameter in self.parameters.split(',') {
            if let Some((name, of)) = parameter.split_once(':') {
                arguments += &format!("    Id({}): Id<{}>,\n", name.trim(), of.trim());
            }
        }
        if let Some(body) = &self.body {
            arguments += "    State(idempotency): State<Idempotency>,\n";
            arguments += &format!("    command: Command<{body}>,\n");
        }
        let Self {
            id,
            path,
            summary,
            answer,
            ..
        } = self;
        let method = self.method.to_lowercase();
        format!(
            r#"
#[utoipa::path(
    {method},
    path = "{path}",
    responses((status = 200, description = "{summary}.", body = {answer}))
)]
pub(crate) async fn {id}(
{arguments}) -> ApiResult {{
    compile_error!("describe the parameters of {id}, and call it")
}}
"#
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
    use std::collections::BTreeSet;

    use super::*;

    /// The most hand-written source files of the implementing crates whose code may name an
    /// operation. Comments, test suites, a command and the generated files do not count.
    const FILES_MAX: usize = 8;
    /// The crates that an operation has to be written in.
    const CRATES: [&str; 7] = [
        "ah-rest-api-contract",
        "ah-lifecycle",
        "ah-store",
        "ah-store-sqlite",
        "ah-engine",
        "ah-rest-server",
        "ah-rest-mock-client",
    ];

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|stem| stem == "suite") {
                continue;
            }
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The identifiers and keywords in the code of a file.
    fn words(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .collect()
    }

    /// The ids in the table that are no word of their own, as `version` is.
    fn ids() -> Vec<String> {
        let table = fs::read_to_string(root().join(TABLE)).unwrap();
        let rows = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (id, method, path) = (words.next()?, words.next()?, words.next()?);
            let is_row =
                ["Get", "Post", "Put", "Delete"].contains(&method) && path.starts_with('"');
            (is_row && id.contains('_')).then(|| id.to_owned())
        });
        rows.collect()
    }

    #[test]
    fn an_operation_is_named_in_few_files() {
        let mut files = Vec::new();
        for name in CRATES {
            sources(&root().join("crates").join(name).join("src"), &mut files);
        }
        let texts: Vec<String> = files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        let words: Vec<BTreeSet<&str>> = texts.iter().map(|text| words(text)).collect();
        let ids = ids();
        assert!(ids.len() > 20, "the table is not read: {ids:?}");
        for id in ids {
            let naming: BTreeSet<&PathBuf> = files
                .iter()
                .zip(&words)
                .filter(|(_, words)| words.contains(id.as_str()))
                .map(|(file, _)| file)
                .collect();
            assert!(naming.len() <= FILES_MAX, "{id} is named in {naming:#?}");
        }
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
            summary: "The weather of a session".to_owned(),
        };
        let edits = scaffold(&root(), &options).unwrap();
        assert_eq!(edits.len(), 6);
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
