//! The steps that a change must pass, the cheapest first.
//!
//! Every cargo command has the same profile and flags and covers the whole workspace. Lints and
//! documentation thus share checked dependencies, and tests share built ones with `cargo build`.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::workspace::{self, Workspace};
use crate::{agents, bench, clients, crates, deps, dist, regenerate, schemathesis, tidy};

/// The kind of machine that runs the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuildEnvironment {
    /// A developer's: the files of a failing test are kept.
    Developer,
    /// A build server: with `CI=true`, tests leave no files behind.
    BuildServer,
}

/// A step of the suite.
struct Step {
    name: &'static str,
    work: Work,
    /// The command that repeats a failed step alone, or fixes it.
    remedy: String,
}

enum Work {
    /// A command.
    Command(Command),
    /// A task of this program.
    Task(fn(&Workspace) -> anyhow::Result<()>),
}

impl Step {
    fn command(name: &'static str, command: Command) -> Self {
        Self {
            name,
            remedy: environment(&command) + &workspace::line(&command),
            work: Work::Command(command),
        }
    }

    fn task(name: &'static str, remedy: &str, task: fn(&Workspace) -> anyhow::Result<()>) -> Self {
        Self {
            name,
            remedy: remedy.to_owned(),
            work: Work::Task(task),
        }
    }
}

/// Runs the steps up to the first failure.
pub(crate) fn run(workspace: &Workspace, place: BuildEnvironment) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut passed: Vec<(&'static str, Duration)> = Vec::new();
    for step in steps(workspace, place) {
        eprintln!("\n== {}", step.name);
        let step_began = Instant::now();
        let result = match step.work {
            Work::Command(mut command) => workspace::run(&mut command),
            Work::Task(task) => task(workspace),
        };
        if let Err(error) = result {
            return Err(anyhow!(
                "{} failed: {error:#}\n\nContinue with:\n    {}",
                step.name,
                step.remedy
            ));
        }
        passed.push((step.name, step_began.elapsed()));
    }
    println!("\n{}", summary(&passed, began.elapsed()));
    Ok(())
}

fn steps(workspace: &Workspace, place: BuildEnvironment) -> Vec<Step> {
    let cargo = |words: &[&str]| {
        let mut command = workspace.cargo();
        command.args(words);
        if place == BuildEnvironment::BuildServer {
            command.env("CI", "true");
        }
        command
    };
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    vec![
        Step {
            remedy: "cargo fmt --all".to_owned(),
            // Only the names: the remedy applies the differences.
            ..Step::command(
                "format",
                cargo(&["fmt", "--all", "--", "--check", "--files-with-diff"]),
            )
        },
        Step::task("dependency rules", "cargo xtask deps", deps::run),
        Step::task("tidiness", "cargo xtask tidy", tidy::verify),
        Step::command(
            "lints",
            cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ]),
        ),
        Step::command(
            "client without its features",
            cargo(&[
                "check",
                "--package",
                "ah-rest-client",
                "--no-default-features",
                "--locked",
            ]),
        ),
        Step::command("documentation", documentation),
        Step::task("generated files", "cargo xtask regenerate", |workspace| {
            regenerate::run(workspace, regenerate::Mode::Check)
        }),
        Step::task(
            "agent programs",
            "cargo xtask agents",
            match place {
                BuildEnvironment::Developer => agents::install,
                BuildEnvironment::BuildServer => agents::require,
            },
        ),
        Step::command(
            "tests",
            cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]),
        ),
        Step::task(
            "the API by its description",
            "cargo xtask schemathesis",
            match place {
                BuildEnvironment::Developer => schemathesis::run,
                BuildEnvironment::BuildServer => schemathesis::require,
            },
        ),
        Step::task(
            "clients",
            "cargo xtask clients",
            match place {
                BuildEnvironment::Developer => clients::run,
                BuildEnvironment::BuildServer => clients::require,
            },
        ),
        Step::task("published crates", "cargo xtask crates", crates::run),
        Step::task("packages", "cargo xtask dist --check", dist::check),
        Step::task(
            "benchmark, smoke run",
            "cargo xtask bench -- --quick",
            bench::smoke,
        ),
    ]
}

/// Returns the variables of a command, as typed before it in a shell.
fn environment(command: &Command) -> String {
    command
        .get_envs()
        .filter_map(|(name, value)| {
            let (name, value) = (name.to_string_lossy(), value?.to_string_lossy());
            Some(if value.contains(' ') {
                format!("{name}='{value}' ")
            } else {
                format!("{name}={value} ")
            })
        })
        .collect()
}

fn summary(passed: &[(&str, Duration)], whole: Duration) -> String {
    let width = passed.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = passed
        .iter()
        .map(|(name, took)| format!("  {name:width$}  {:>7.1} s", took.as_secs_f64()))
        .collect();
    lines.push(format!(
        "Passed all {} steps in {:.1} s.",
        passed.len(),
        whole.as_secs_f64()
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed_in_a_shell() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command
            .args(["doc", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            environment(&command) + &workspace::line(&command),
            "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps"
        );
    }

    #[test]
    fn summary_has_a_line_per_step_and_a_total() {
        let passed = [
            ("format", Duration::from_millis(200)),
            ("tests", Duration::from_secs(61)),
        ];
        assert_eq!(
            summary(&passed, Duration::from_millis(61_200)),
            "  format      0.2 s\n  tests      61.0 s\nPassed all 2 steps in 61.2 s."
        );
    }
}
