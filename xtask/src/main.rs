//! The project's own tasks, as `cargo xtask <task>`.
//!
//! They check rules that neither the compiler nor clippy knows: permitted dependencies, links in
//! prose, generated files that match their source.

mod agents;
mod bench;
mod clients;
mod crates;
mod deps;
mod dist;
mod findings;
mod new_operation;
mod python;
mod regenerate;
mod schemathesis;
mod scratch;
mod server;
mod sqlx;
mod suite;
mod tidy;
mod tools;
#[cfg(test)]
mod touches;
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
    /// Run everything that a change must pass: format, rules, lints, documentation, drift, tests
    Test,
    /// Run `test` as the build server does, with CI=true in the environment
    Ci,
    /// Install the agent programs of the system tests into the target folder, with npm
    Agents,
    /// Test the served API with requests that schemathesis derives from its description
    Schemathesis,
    /// Lint the API's description, and run generated clients and readers of streams on a server
    Clients,
    /// Package the published crates, and compile the unpacked packages
    Crates,
    /// Build the program and write its archive, package and formula to `target/dist`
    Dist(dist::Options),
    /// Check that dependencies are permitted, used and licensed, and that modules declare all files
    Deps,
    /// Check file lengths, links, decision numbers and wording
    Tidy(tidy::Options),
    /// Write every generated file: API description, tables of docs, snapshots, data of queries
    Regenerate {
        /// Write nothing, and fail if a generated file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Write the scaffold of a new operation of the API, which compiles once it is filled in
    NewOperation(new_operation::Options),
    /// Write the committed data that the compiler checks the database queries against
    Sqlx {
        /// Write nothing, and fail if the committed data is out of date
        #[arg(long)]
        check: bool,
    },
    /// Measure against plain baselines in the same run, in the release profile
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
        Task::Test => suite::run(&workspace, suite::BuildEnvironment::Developer),
        Task::Ci => suite::run(&workspace, suite::BuildEnvironment::BuildServer),
        Task::Agents => agents::require(&workspace),
        Task::Schemathesis => schemathesis::require(&workspace),
        Task::Clients => clients::require(&workspace),
        Task::Crates => crates::run(&workspace),
        Task::Dist(options) => dist::run(&workspace, &options),
        Task::Deps => deps::run(&workspace),
        Task::Tidy(options) => tidy::run(&workspace, &options),
        Task::Regenerate { check } => regenerate::run(
            &workspace,
            if check {
                regenerate::Mode::Check
            } else {
                regenerate::Mode::Write
            },
        ),
        Task::NewOperation(options) => new_operation::run(&workspace, &options),
        Task::Sqlx { check } => sqlx::run(check),
        Task::Bench(options) => bench::run(&workspace, &options),
    }
}
