//! `cargo xtask clients`: linters, generators of clients, and readers of streams, as people use them.
//!
//! The linters judge the OpenAPI documents of a running server. Each generated client plays a session:
//! create, stream, answer, page, problem. Readers of event streams follow a session while the server
//! is killed, shut down and started again. Files and versions are in `tests/clients`.

mod node;
mod play;
mod readers;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::python;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::workspace::{self, Workspace, output_of};

/// The folder of the clients, relative to the root, and of their work in the target folder.
const FOLDER: &str = "tests/clients";
const WORK: &str = "clients";
/// The environment of Python programs, in the target folder.
const PYTHON: &str = "clients-python";

/// The installed programs.
struct Tools {
    /// The folder of the npm packages, which is also the one of the programs in TypeScript.
    node: PathBuf,
    /// The folder of the Python programs.
    python: PathBuf,
    /// The folder of the crate with a generated client.
    rust: PathBuf,
}

impl Tools {
    fn install(workspace: &Workspace) -> anyhow::Result<Self> {
        let from = workspace.root().join(FOLDER);
        let to = workspace.target_folder()?.join(WORK);
        let node = to.join("node");
        node::install(&from.join("node"), &node)?;
        let requirements = Path::new(FOLDER).join("python/requirements.txt");
        let python = python::programs(workspace, PYTHON, &requirements)?;
        let rust = to.join("rust");
        for file in ["Cargo.toml", "Cargo.lock", "src/main.rs"] {
            copy(&from.join("rust").join(file), &rust.join(file))?;
        }
        Ok(Self { node, python, rust })
    }
}

/// Runs the step if the programs can be installed. With `CI` set, a failed installation is an error.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    match Tools::install(workspace) {
        Ok(tools) => test(workspace, &tools),
        Err(error) if env::var_os("CI").is_none() => {
            eprintln!("  the clients cannot be installed, so they are not run: {error:#}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Runs the linters, the generated clients and the readers of streams.
///
/// # Errors
/// The programs cannot be installed, or one of them fails.
pub(crate) fn require(workspace: &Workspace) -> anyhow::Result<()> {
    test(workspace, &Tools::install(workspace)?)
}

fn test(workspace: &Workspace, tools: &Tools) -> anyhow::Result<()> {
    // With the features of the whole workspace, so that this is the program of the tests.
    workspace::run(
        workspace
            .cargo()
            .args(["build", "--workspace", "--bin", "ah", "--locked"]),
    )?;
    let ah = workspace.target_folder()?.join("debug").join("ah");
    let scratch = Scratch::new("clients")?;
    let mut server = Server::start(&ah, scratch.path())?;
    let documents = Documents::fetch(&server, scratch.path())?;
    let tested = timed("linters", || documents.lint(tools))
        .and_then(|()| {
            timed("openapi-typescript", || {
                play::typescript(tools, &documents, &server)
            })
        })
        .and_then(|()| {
            timed("openapi-python-client, datamodel-code-generator", || {
                play::python(workspace, tools, &documents, &server)
            })
        })
        .and_then(|()| {
            timed("progenitor", || {
                play::rust(workspace, tools, &documents, &server)
            })
        })
        .and_then(|()| {
            timed("readers of streams", || {
                readers::follow(workspace, tools, &mut server, scratch.path())
            })
        });
    server.end()?;
    tested
}

/// Runs a part of the step and prints its duration.
fn timed(name: &str, part: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let began = Instant::now();
    part().with_context(|| name.to_owned())?;
    println!("  {name}: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// The documents that a server serves.
struct Documents {
    v3_1: PathBuf,
    v3_0: PathBuf,
}

impl Documents {
    fn fetch(server: &Server, folder: &Path) -> anyhow::Result<Self> {
        let fetch = |name: &str| -> anyhow::Result<PathBuf> {
            let file = folder.join(name);
            output_of(
                Command::new("curl")
                    .args(["--silent", "--show-error", "--fail", "--output"])
                    .arg(&file)
                    .arg(format!("{}/api/v1/{name}", server.url())),
            )?;
            Ok(file)
        };
        Ok(Self {
            v3_1: fetch("openapi.json")?,
            v3_0: fetch("openapi-3.0.json")?,
        })
    }

    /// Runs the linters, each of which must have nothing to say.
    fn lint(&self, tools: &Tools) -> anyhow::Result<()> {
        let bin = tools.node.join("node_modules/.bin");
        let mut commands = Vec::new();
        for document in [&self.v3_1, &self.v3_0] {
            let mut validator = Command::new(tools.python.join("openapi-spec-validator"));
            validator.arg(document);
            commands.push(validator);
        }
        let mut redocly = Command::new(bin.join("redocly"));
        redocly
            .args(["lint", "--max-problems", "100"])
            .arg(&self.v3_1)
            .env("REDOCLY_TELEMETRY", "off");
        commands.push(redocly);
        let mut spectral = Command::new(bin.join("spectral"));
        spectral
            .args(["lint", "--quiet", "--fail-severity", "hint", "--ruleset"])
            .arg(tools.node.join("spectral.yaml"))
            .arg(&self.v3_1);
        commands.push(spectral);
        for command in &mut commands {
            // No configuration of the user is found from here.
            judge(command.current_dir(&tools.node))?;
        }
        Ok(())
    }
}

/// Runs a command whose findings are in its output, and returns that: its standard error first.
fn judge(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("failed to start {}", workspace::line(command)))?;
    let text = [output.stderr, output.stdout].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    ensure!(
        output.status.success(),
        "`{}` ended with {}:\n{text}",
        workspace::line(command),
        output.status,
    );
    Ok(text)
}

/// Copies a file and makes the folder for it. A file with the same content keeps its time.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let content = fs::read(from).with_context(|| format!("failed to read {}", from.display()))?;
    write(to, &content)
}

/// Writes a file and makes the folder for it. A file with the same content keeps its time.
fn write(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    if fs::read(file).is_ok_and(|known| known == content) {
        return Ok(());
    }
    let folder = file.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    fs::write(file, content).with_context(|| format!("failed to write {}", file.display()))
}

/// Sets the variables by which a client finds the server.
fn of_server<'c>(command: &'c mut Command, server: &Server) -> &'c mut Command {
    command
        .env("AH_TEST_URL", server.url())
        .env("AH_TEST_KEY", server.key())
}

/// Prints the last line of a client that has played its session.
fn report(output: &str) -> anyhow::Result<()> {
    let line = output.lines().last().unwrap_or_default();
    ensure!(line.contains("events"), "unexpected output: {output}");
    println!("    {line}");
    Ok(())
}
