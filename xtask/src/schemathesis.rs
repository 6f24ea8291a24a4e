//! `cargo xtask schemathesis`: tests the served API against its own description.
//!
//! [Schemathesis](https://schemathesis.readthedocs.io) derives valid and invalid requests from the
//! OpenAPI document and checks the responses against it. It runs with all its checks, on a server
//! with its own state folder and repository. Its configuration is in `xtask/schemathesis`.

use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};

use crate::python;
use crate::scratch::Scratch;
use crate::server::{REPOSITORY, Server, VARIABLE};
use crate::workspace::{self, Workspace};

/// The folder of its configuration, hooks and requirements, relative to the root.
const FOLDER: &str = "xtask/schemathesis";
/// The longest permitted run, several times the usual one.
const TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// Runs schemathesis if it can be installed. With `CI` set, a failed installation is an error.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    match program(workspace) {
        Ok(program) => test(workspace, &program),
        Err(error) if env::var_os("CI").is_none() => {
            eprintln!("  schemathesis cannot be installed, so the API is not tested: {error:#}");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Runs schemathesis; a failed installation is an error.
pub(crate) fn require(workspace: &Workspace) -> anyhow::Result<()> {
    test(workspace, &program(workspace)?)
}

/// Returns the program `st`, after installing it if necessary.
fn program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let requirements = Path::new(FOLDER).join("requirements.txt");
    Ok(python::programs(workspace, "schemathesis", &requirements)?.join("st"))
}

/// Runs the program `st` on a new server.
fn test(workspace: &Workspace, st: &Path) -> anyhow::Result<()> {
    let folder = workspace.root().join(FOLDER);
    // With the features of the whole workspace, so that this is the program of the tests.
    workspace::run(
        workspace
            .cargo()
            .args(["build", "--workspace", "--bin", "ah", "--locked"]),
    )?;
    let scratch = Scratch::new("schemathesis")?;
    let ah = workspace.target_folder()?.join("debug").join("ah");
    let server = Server::start(&ah, scratch.path())?;
    let mut command = Command::new(st);
    command
        .current_dir(scratch.path())
        .arg("--no-color")
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--checks", "all"])
        .arg(format!("{}/api/v1/openapi.json", server.url()))
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AH_TEST_KEY", server.key())
        .env("AH_TEST_REPOSITORY", scratch.path().join(REPOSITORY))
        .env("AH_TEST_VARIABLE", VARIABLE);
    let found = report(&mut command);
    server.end()?;
    found
}

/// Runs schemathesis to its end and prints its report if it has findings.
fn report(command: &mut Command) -> anyhow::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {}", workspace::line(command)))?;
    let mut output = child.stdout.take().context("schemathesis has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.read_to_end(&mut text).map(|_| text);
        // The receiver is gone after the time limit.
        sender.send(read).ok();
    });
    let Ok(output) = receiver.recv_timeout(TIME_MAX) else {
        child.kill().context("failed to end schemathesis")?;
        child.wait().context("failed to wait for schemathesis")?;
        bail!("schemathesis took longer than {} s", TIME_MAX.as_secs());
    };
    let output = String::from_utf8_lossy(&output?).into_owned();
    if child.wait()?.success() {
        println!("{}", summary(&output).unwrap_or(&output));
        return Ok(());
    }
    println!("{output}");
    Err(anyhow!("schemathesis reported the failures above"))
}

/// Returns the line of a report that counts its requests.
fn summary(report: &str) -> Option<&str> {
    let (_, rest) = report.rsplit_once("Test cases:")?;
    rest.lines().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_findings_is_one_line() {
        let report = "Phases:\n  Fuzzing\n\nTest cases:\n  347 generated, 347 passed\n\nSeed: 1\n";
        assert_eq!(summary(report), Some("347 generated, 347 passed"));
        assert_eq!(summary("Seed: 1"), None);
    }
}
