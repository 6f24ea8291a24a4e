//! Benchmarks, as ratios against a plain baseline in the same run.
//!
//! An absolute figure says as much about the machine as about the program. So each measurement
//! has a baseline that does the least that the task needs with the same means, and the two take
//! turns in one run: what slows the machine down slows both.
//!
//! `cargo xtask bench` builds this and the `ah` binary in the release profile and runs it.

mod agent;
mod appends;
mod delivery;
mod figures;
mod store_population;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::agent::Pace;
use crate::figures::Table;

/// Measures the access point against plain baselines.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    measurement: Measurement,
}

/// What to measure with, and how much.
#[derive(Args)]
struct Measurement {
    /// The `ah` binary, of the same profile as this program: it is the recorder.
    #[arg(long, required = true)]
    ah: Option<PathBuf>,
    /// Where databases and sessions are made: by default beside this program, since the folder
    /// for temporary files is often in memory, where nothing has to be synced.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print the raw figures as JSON.
    #[arg(long)]
    json: bool,
    /// Take fewer and shorter rounds: enough to see that it runs, too few to quote.
    #[arg(long)]
    quick: bool,
}

/// What this program is besides, for its own measurements.
#[derive(Subcommand)]
enum Part {
    /// Be the agent that says what time it is.
    #[command(hide = true)]
    Agent {
        #[command(flatten)]
        pace: Pace,
        /// Given by the driver of the scenario agent, in whose place it is; it has no settings.
        #[arg(long)]
        settings: Option<PathBuf>,
    },
}

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How often subject and baseline take turns.
    rounds: usize,
    /// How long each of them runs in a round.
    round: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Agent { pace, settings: _ }) => agent::play(pace).await,
        None => measure(arguments.measurement).await,
    }
}

async fn measure(measurement: Measurement) -> anyhow::Result<()> {
    let effort = if measurement.quick {
        Effort {
            rounds: 1,
            round: Duration::from_millis(150),
        }
    } else {
        Effort {
            rounds: 5,
            round: Duration::from_millis(600),
        }
    };
    let ah = measurement.ah.context("--ah is required")?;
    let folder = match measurement.folder {
        Some(folder) => folder,
        None => std::env::current_exe()
            .context("failed to tell where this program is")?
            .parent()
            .context("this program is in no folder")?
            .to_owned(),
    };
    let appends = appends::measure(&folder, effort).await?;
    let delivery = delivery::measure(&folder, &ah, effort).await?;
    if measurement.json {
        let figures = json!({
            "appends": appends.to_json(),
            "delivery": delivery.to_json(),
        });
        println!("{figures:#}");
    } else {
        print_table("Durable appends, events per second", &appends);
        print_table(
            "A line from an agent's output to whoever watches, microseconds",
            &delivery,
        );
    }
    Ok(())
}

fn print_table(title: &str, table: &Table) {
    println!("\n## {title}\n\n{}", table.to_markdown());
}
