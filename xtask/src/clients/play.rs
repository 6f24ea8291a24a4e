//! Clients that are generated from the document and play a session.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{Documents, FOLDER, Tools, copy, judge, of_server, report, write};
use crate::server::Server;
use crate::workspace::Workspace;

/// A client for TypeScript, which must compile with the play, and the play must refuse its mistakes.
pub(super) fn typescript(
    tools: &Tools,
    documents: &Documents,
    server: &Server,
) -> anyhow::Result<()> {
    let bin = tools.node.join("node_modules/.bin");
    let node = |program: &str| {
        let mut command = Command::new(bin.join(program));
        command.current_dir(&tools.node);
        command
    };
    judge(
        node("openapi-typescript")
            .arg(&documents.v3_1)
            .args(["--output", "api.ts"]),
    )?;
    judge(&mut node("tsc"))?;
    let mut play = Command::new("node");
    play.current_dir(&tools.node).arg("built/play.js");
    report(&judge(of_server(&mut play, server))?)
}

/// Two packages for Python: a client, and the types of the document, which must agree.
pub(super) fn python(
    workspace: &Workspace,
    tools: &Tools,
    documents: &Documents,
    server: &Server,
) -> anyhow::Result<()> {
    let folder = tools
        .python
        .parent()
        .context("programs are in a folder")?
        .join("generated");
    fs::create_dir_all(&folder).context("failed to make the folder of the generated client")?;
    // The generator formats its output with a program of the environment.
    let path = format!(
        "{}:{}",
        tools.python.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let generated = judge(
        Command::new(tools.python.join("openapi-python-client"))
            .current_dir(&folder)
            .env("PATH", path)
            .args(["generate", "--overwrite", "--meta", "none", "--path"])
            .arg(&documents.v3_1)
            .args(["--output-path", "ah_client"]),
    )?;
    // An attachment has any media type, which the generator does not support.
    let warnings: Vec<&str> = generated
        .lines()
        .filter(|line| line.starts_with("WARNING"))
        .collect();
    ensure!(
        matches!(warnings[..], [only] if only.contains("/attachments/")),
        "the generator has warnings: {generated}"
    );
    judge(
        Command::new(tools.python.join("datamodel-codegen"))
            .current_dir(&folder)
            .arg("--input")
            .arg(&documents.v3_1)
            .args(["--input-file-type", "openapi", "--output", "models.py"])
            .args([
                "--output-model-type",
                "pydantic_v2.BaseModel",
                "--use-annotated",
            ])
            .args(["--target-python-version", "3.10"]),
    )?;
    let program = workspace.root().join(FOLDER).join("python/play.py");
    copy(&program, &folder.join("play.py"))?;
    let mut play = Command::new(tools.python.join("python"));
    play.current_dir(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("play.py");
    report(&judge(of_server(&mut play, server))?)
}

/// A crate with a client for the document in OpenAPI 3.0.
pub(super) fn rust(
    workspace: &Workspace,
    tools: &Tools,
    documents: &Documents,
    server: &Server,
) -> anyhow::Result<()> {
    let document = fs::read(&documents.v3_0).context("failed to read the document")?;
    write(&tools.rust.join("openapi-3.0.json"), &document)?;
    let mut play = workspace.cargo();
    play.current_dir(&tools.rust)
        .args(["run", "--quiet", "--locked"])
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", tools.rust.join("target"));
    report(&judge(of_server(&mut play, server))?)
}
