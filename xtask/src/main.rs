//! The project's own tasks, as `cargo xtask <task>`.
//!
//! What is checked here is what neither the compiler nor clippy can know: which crate may depend
//! on which, that prose still names files that exist, that what is generated is what is committed.

mod agents;
mod bench;
mod deps;
mod findings;
mod schemathesis;
mod scratch;
mod sqlx;
mod suite;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything that a change must pass: format, rules, lints, documentation, drift, tests.
    Test,
    /// Run `test` as the build server does, with CI=true in the environment.
    Ci,
    /// Install the agent programs that the system tests run, with npm, into the target folder.
    Agents,
    /// Ask the served API with requests made of its own description, by schemathesis.
    Schemathesis,
    /// Check which crate depends on which, and that every declared dependency is used.
    Deps,
    /// Check file lengths, links, wording, and that every source file is part of a crate.
    Tidy(tidy::Options),
    /// Write what the compiler checks the database queries against.
    Sqlx {
        /// Write nothing, and fail when what is committed is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Measure against plain baselines in the same run, in the release profile.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test => suite::run(&workspace, suite::Place::Desk),
        Task::Ci => suite::run(&workspace, suite::Place::BuildServer),
        Task::Agents => agents::require(&workspace),
        Task::Schemathesis => schemathesis::require(&workspace),
        Task::Deps => deps::run(&workspace),
        Task::Tidy(options) => tidy::run(&workspace, &options),
        Task::Sqlx { check } => sqlx::run(check),
        Task::Bench(options) => bench::run(&workspace, &options),
    }
}
