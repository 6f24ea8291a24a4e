//! Benchmarks, as ratios against a plain baseline in the same run.
//!
//! An absolute figure depends on the machine as much as on the program. Each measurement therefore
//! has a baseline: the minimum that the task needs, with the same libraries. Both take turns in one
//! run, so that a slower machine slows both.
//!
//! `cargo xtask bench` builds this program and `ah` in the release profile and runs it.

mod agent;
mod appends;
mod bare_server;
mod connection;
mod creates;
mod delivery;
mod effort;
mod fan_out;
mod figures;
mod floods;
mod histories;
mod launches;
mod nchan;
mod prompts;
mod requests;
mod server;
mod starts;
mod store_population;
mod subscriber;
mod timed_access_point;
mod workspaces;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::agent::Pace;
use crate::effort::Effort;
use crate::figures::Table;
use crate::store_population::Home;

/// The default folder. The standard for file systems (FHS 5.15) keeps it across restarts.
const ON_DISK: &str = "/var/tmp";

/// Measures the access point against plain baselines
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    measurement: Measurement,
}

/// Options of a measurement.
#[derive(Args)]
struct Measurement {
    /// The `ah` binary, built in the profile of this program: the recorder and the server
    #[arg(long, required = true)]
    ah: Option<PathBuf>,
    /// The folder of databases and sessions, outside of every git checkout; by default /var/tmp,
    /// since /tmp is often in memory, where syncing is free
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Measure only these parts, separated by commas; all parts by default
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<Benchmark>,
    /// The number of stored sessions while requests and starts are measured
    #[arg(long, default_value_t = 10_000, value_parser = counts(1_000_000))]
    sessions: u64,
    /// The number of readers in measurements with many readers
    #[arg(long, default_value_t = 1_000, value_parser = counts(2_000))]
    readers: u64,
    /// Print the raw figures as JSON
    #[arg(long)]
    json: bool,
    /// Take fewer and shorter rounds, as a smoke test
    #[arg(long)]
    quick: bool,
}

fn counts(most: u64) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=most)
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// Durable appends to the log.
    Appends,
    /// The delivery of an agent's line to a reader in the same process.
    Delivery,
    /// Requests for sessions.
    Requests,
    /// The creation of tasks.
    Creates,
    /// The start of a session, until its agent's first event.
    Launches,
    /// The folders of sessions: until they are ready, their first diff, their removal.
    Workspaces,
    /// Prompts to one session.
    Prompts,
    /// Pages of history of a long session.
    Histories,
    /// The delivery of an agent's line to the sockets of readers.
    FanOut,
    /// The delivery of an agent's line to readers of the log of all sessions.
    WholeLog,
    /// An agent that prints as fast as it can, and the replay of its lines.
    Floods,
    /// The memory of readers.
    Memory,
    /// The time from start to ready.
    Starts,
}

/// Further roles of this program in its measurements.
#[derive(Subcommand)]
enum Role {
    /// Run the agent that prints the time
    #[command(hide = true)]
    Agent {
        #[command(flatten)]
        pace: Pace,
        /// Settings from the driver of the scenario agent, which this agent replaces; ignored
        #[arg(long)]
        settings: Option<PathBuf>,
    },
    /// Run an access point with that agent
    #[command(hide = true)]
    ServeSession(timed_access_point::Arguments),
    /// Run a bare server of that agent's lines
    #[command(hide = true)]
    ServeLines(bare_server::Lines),
    /// Run a bare server that commits tasks
    #[command(hide = true)]
    ServeTasks(bare_server::Tasks),
    /// Keep all processors awake
    #[command(hide = true)]
    Spin,
    /// Run a bare server of files
    #[command(hide = true)]
    ServeBodies(bare_server::Bodies),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Agent { pace, settings: _ }) => agent::play(pace).await,
        Some(Role::ServeSession(arguments)) => timed_access_point::serve(arguments).await,
        Some(Role::ServeLines(lines)) => bare_server::serve_lines(lines).await,
        Some(Role::ServeTasks(tasks)) => bare_server::serve_tasks(tasks).await,
        Some(Role::Spin) => floods::spin(),
        Some(Role::ServeBodies(bodies)) => bare_server::serve_bodies(bodies).await,
        None => measure(arguments.measurement).await,
    }
}

async fn measure(measurement: Measurement) -> anyhow::Result<()> {
    let (rounds, round) = match measurement.quick {
        true => (1, Duration::from_millis(150)),
        false => (5, Duration::from_millis(600)),
    };
    raise_limit()?;
    let effort = Effort {
        rounds,
        round,
        sessions: usize::try_from(measurement.sessions)?,
        readers: usize::try_from(measurement.readers)?,
    };
    // Servers and recorders run in their own folders.
    let ah = std::path::absolute(measurement.ah.context("--ah is required")?)?;
    ensure!(
        ah.is_file(),
        "there is no program {}; build it, or name another with --ah",
        ah.display()
    );
    let folder = match measurement.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => PathBuf::from(ON_DISK),
    };
    let bench = Bench {
        folder,
        ah,
        effort,
        home: OnceCell::new(),
    };
    let mut tables = Vec::new();
    for &part in Benchmark::value_variants() {
        if measurement.only.is_empty() || measurement.only.contains(&part) {
            tables.push((part, bench.measure(part).await?));
        }
    }
    report(&tables, measurement.json);
    Ok(())
}

/// Raises the limit of open files of this process and its children: each reader has one at both ends.
fn raise_limit() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("failed to raise the limit of open files")
}

/// The shared resources of all parts.
struct Bench {
    folder: PathBuf,
    ah: PathBuf,
    effort: Effort,
    /// Created by the first part that needs it.
    home: OnceCell<Home>,
}

impl Bench {
    async fn measure(&self, part: Benchmark) -> anyhow::Result<Table> {
        let (folder, ah, effort) = (&self.folder, &self.ah, self.effort);
        match part {
            Benchmark::Appends => appends::measure(folder, effort).await,
            Benchmark::Delivery => delivery::measure(folder, ah, effort).await,
            Benchmark::Requests => requests::measure(folder, ah, self.home().await?, effort).await,
            Benchmark::Creates => creates::measure(folder, ah, effort).await,
            Benchmark::Launches => launches::measure(folder, ah, effort).await,
            Benchmark::Workspaces => workspaces::measure(folder, effort).await,
            Benchmark::Prompts => prompts::measure(folder, ah, effort).await,
            Benchmark::Histories => histories::measure(folder, ah, effort).await,
            Benchmark::FanOut => fan_out::measure(folder, ah, effort).await,
            Benchmark::WholeLog => fan_out::measure_whole_log(folder, ah, effort).await,
            Benchmark::Floods => floods::measure(folder, ah, effort).await,
            Benchmark::Memory => fan_out::measure_memory(folder, ah, effort).await,
            Benchmark::Starts => starts::measure(folder, ah, self.home().await?, effort).await,
        }
    }

    async fn home(&self) -> anyhow::Result<&Home> {
        let populate = async || {
            eprintln!("storing {} sessions", self.effort.sessions);
            Home::populated(&self.folder, self.effort.sessions).await
        };
        self.home.get_or_try_init(populate).await
    }
}

impl Benchmark {
    const fn title(self) -> &'static str {
        match self {
            Self::Appends => "Durable appends, events per second",
            Self::Delivery => {
                "A line from an agent's output to a reader in the same process, microseconds"
            }
            Self::Requests => "Requests for sessions, per second and in microseconds",
            Self::Creates => {
                "Tasks created while all slots are taken, per second and in microseconds"
            }
            Self::Launches => "From `POST /tasks` to the first event of the agent, microseconds",
            Self::Workspaces => "Workspaces of a repository with many files, microseconds",
            Self::Prompts => "Prompts to one session",
            Self::Histories => "Pages of history by length of the session, microseconds",
            Self::FanOut => "A line from an agent's output to the sockets of readers, microseconds",
            Self::WholeLog => {
                "A line from an agent's output to readers of the log of all sessions, microseconds"
            }
            Self::Floods => "Lines as fast as the agent prints them",
            Self::Memory => "Memory of a reader, bytes",
            Self::Starts => "From the start of a program, microseconds",
        }
    }
}

fn report(tables: &[(Benchmark, Table)], as_json: bool) {
    if as_json {
        let name = |part: &Benchmark| {
            part.to_possible_value()
                .map(|value| value.get_name().to_owned())
        };
        let figures: Map<String, Value> = tables
            .iter()
            .filter_map(|(part, table)| Some((name(part)?, table.to_json())))
            .collect();
        println!("{:#}", Value::Object(figures));
        return;
    }
    for (part, table) in tables {
        println!("\n## {}\n\n{}", part.title(), table.to_markdown());
    }
}
