//! The cost of pages of history, by the length of the session: a long one against a short one, on
//! the same access point.

use std::path::Path;

use ah_rest_api_contract::{EventPayload, Log, LogLevel, SessionId, Thought};
use ah_store::{Guard, NewEvent, SessionWrite, Sessions as _, Store as _};
use ah_store_sqlite::SqliteStore;
use anyhow::Context;

use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::requests::load;
use crate::server::{self, Server};
use crate::store_population::{MOMENT, create_sessions};

const SHORT: usize = 90;
const LONG: usize = 100_000;
/// Every event of this number is a log line.
const LOG_LINE_EVERY: usize = 45;
/// The most events of a write.
const AT_ONCE: usize = 1000;

/// Measures pages of both sessions over one connection.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let store = SqliteStore::open(&home.path().join("state.db")).await?;
    let ids = create_sessions(&store, 2).await?;
    let (short, long) = (ids[0], ids[1]);
    append(&store, short, SHORT).await?;
    append(&store, long, LONG).await?;
    store.close().await;
    let server = Server::start(server::access_point(ah, home.path()), home.path()).await?;
    let path = |id: SessionId, rest: &str| format!("/api/v1/sessions/{id}/{rest}");
    // The last page of each.
    let last = |count: usize| {
        let page = count.div_ceil(50);
        format!("events?perPage=50&sort=asc&page={page}")
    };
    let newest = "events?perPage=50&sort=desc";
    let cases = [
        ("newest 50", path(short, newest), path(long, newest)),
        (
            "last page, oldest first",
            path(short, &last(SHORT)),
            path(long, &last(LONG)),
        ),
        (
            "last 50 log lines",
            path(short, "logs?tail=50"),
            path(long, "logs?tail=50"),
        ),
    ];
    let mut rows = Vec::new();
    for (name, of_short, of_long) in cases {
        let mut row = Comparison::of([name.to_owned()]);
        for round in 1..=effort.rounds {
            progress(&format!("history: {name}"), round, effort);
            let [_, p50, _] = load(&server.endpoint, &of_short, 1, effort).await?;
            row.baseline.push(p50);
            let [_, p50, _] = load(&server.endpoint, &of_long, 1, effort).await?;
            row.subject.push(p50);
        }
        rows.push(row);
    }
    server.end().await?;
    Ok(Table {
        case: vec!["page"],
        baseline: "90 events",
        subject: "100,000 events",
        unit: "microseconds, the median of requests",
        rows,
    })
}

/// Appends `count` events to a session.
async fn append(store: &SqliteStore, id: SessionId, count: usize) -> anyhow::Result<()> {
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(AT_ONCE) {
        let mut write = SessionWrite::new(id, Guard::default(), MOMENT);
        write.events = some.iter().map(|number| event(*number)).collect();
        store.write(write).await?;
    }
    Ok(())
}

fn event(number: usize) -> NewEvent {
    let text = format!("step {number}: the tests of the scheduler are green again");
    let payload = if number.is_multiple_of(LOG_LINE_EVERY) {
        EventPayload::Log(Log::new(LogLevel::Info, text))
    } else {
        EventPayload::Thought(Thought::new(text))
    };
    NewEvent {
        ts: MOMENT,
        payload,
    }
}
