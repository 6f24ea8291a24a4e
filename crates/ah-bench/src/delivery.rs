//! The delivery of an agent's line, from its standard output to a reader in the same process.
//!
//! The subject is the whole path: agent, pipe, recorder, journal, socket, engine, store, stream.
//! Two baselines use the same agent. A bare pipe is the minimum between two processes. A bare pipe
//! whose reader commits each line to SQLite is the minimum for "durable before visible".

mod access_point;
pub(crate) mod bare_pipe;

use std::path::Path;

use crate::agent::Pace;
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, percentile};
use bare_pipe::Reader;

const INTERVALS_MS: [u64; 2] = [5, 1];
const PERCENTILES: [usize; 2] = [50, 99];

/// Measures each pace against both baselines.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for interval_ms in INTERVALS_MS {
        let lines = effort.round.as_millis() / u128::from(interval_ms);
        let pace = Pace {
            lines: u32::try_from(lines)?.max(100),
            interval_ms,
            on_prompt: 1,
        };
        let mut against: Vec<Comparison> = Vec::new();
        for reader in [Reader::Shows, Reader::CommitsThenShows] {
            for percent in PERCENTILES {
                against.push(Comparison::of([
                    format!("{interval_ms} ms"),
                    reader.name().to_owned(),
                    format!("p{percent}"),
                ]));
            }
        }
        for round in 1..=effort.rounds {
            progress(&format!("a line every {interval_ms} ms"), round, effort);
            let pipe = bare_pipe::micros(folder, pace, Reader::Shows).await?;
            let subject = access_point::micros(folder, ah, pace).await?;
            let commit = bare_pipe::micros(folder, pace, Reader::CommitsThenShows).await?;
            let baselines = [&pipe, &pipe, &commit, &commit];
            let percents = PERCENTILES.iter().cycle();
            for ((row, baseline), &percent) in against.iter_mut().zip(baselines).zip(percents) {
                row.baseline.push(percentile(baseline, percent));
                row.subject.push(percentile(&subject, percent));
            }
        }
        rows.extend(against);
    }
    Ok(Table {
        case: vec!["a line every", "against", "percentile"],
        baseline: "baseline",
        subject: "access point",
        unit: "microseconds",
        rows,
    })
}
