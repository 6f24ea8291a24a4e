//! Benchmarks, as ratios against a plain baseline in the same run.
//!
//! An absolute figure says as much about the machine as about the program. So each measurement
//! has a baseline that does the least that the task needs with the same means, and the two take
//! turns in one run: what slows the machine down slows both.
//!
//! `cargo xtask bench` builds this and the `ah` binary in the release profile and runs it.

mod appends;
mod figures;
mod store_population;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use serde_json::json;

use crate::figures::Table;

/// Measures the access point against plain baselines.
#[derive(Parser)]
struct Arguments {
    /// Where the databases are made: by default beside this program, since the folder for
    /// temporary files is often in memory, where nothing has to be synced.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print the raw figures as JSON.
    #[arg(long)]
    json: bool,
    /// Take fewer and shorter rounds: enough to see that it runs, too few to quote.
    #[arg(long)]
    quick: bool,
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
    let effort = if arguments.quick {
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
    let folder = match arguments.folder {
        Some(folder) => folder,
        None => std::env::current_exe()
            .context("failed to tell where this program is")?
            .parent()
            .context("this program is in no folder")?
            .to_owned(),
    };
    let appends = appends::measure(&folder, effort).await?;
    if arguments.json {
        let figures = json!({ "appends": appends.to_json() });
        println!("{figures:#}");
    } else {
        print_table("Durable appends, events per second", &appends);
    }
    Ok(())
}

fn print_table(title: &str, table: &Table) {
    println!("\n## {title}\n\n{}", table.to_markdown());
}
