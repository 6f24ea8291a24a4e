//! A process that is killed during writes.

use std::io::Write as _;
use std::process::Stdio;

use ah_rest_api_contract::{EventSeq, SessionId};
use ah_store::suite::{StoreHarness as _, sample};
use ah_store::{Guard, SessionWrite, Sessions as _};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::Folder;

/// Environment variables of the child: the file to write to, and the session.
const FILE: &str = "AH_STORE_TEST_FILE";
const SESSION: &str = "AH_STORE_TEST_SESSION";
/// The number of acknowledgements before the child is killed.
const ACKNOWLEDGED: usize = 100;

/// The process that the test below starts and kills. Without the variables it does nothing.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let (Ok(file), Ok(session)) = (std::env::var(FILE), std::env::var(SESSION)) else {
        return;
    };
    let session: SessionId = session.parse().unwrap();
    let store = ah_store_sqlite::SqliteStore::open(file.as_ref())
        .await
        .unwrap();
    // The parent kills the process long before the end. Without a parent the loop is bounded.
    for index in 0..1_000_000 {
        let mut write = SessionWrite::new(session, Guard::default(), sample::at(index));
        write.events = vec![sample::event(index, sample::thought("hm")); 3];
        let written = store.write(write).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "acknowledged {}", written.last_seq).unwrap();
        out.flush().unwrap();
    }
}

/// Every write that was acknowledged before the kill survives it, and the log has no gap.
#[tokio::test]
async fn acknowledged_writes_survive_a_killed_process() {
    let folder = Folder::new();
    let store = folder.open().await;
    let id = sample::one_session(&*store).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("crash::child_that_writes_until_it_is_killed")
        .env(FILE, folder.file())
        .env(SESSION, id.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    while acknowledged.len() < ACKNOWLEDGED {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some((_, seq)) = line.split_once("acknowledged ") {
            acknowledged.push(seq.parse::<u64>().unwrap());
        }
    }
    child.kill().await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        // The last line may be incomplete.
        if let Some((_, seq)) = line.split_once("acknowledged ") {
            acknowledged.extend(seq.parse::<u64>());
        }
    }
    let last = acknowledged.iter().max().copied().unwrap();

    for store in [store, folder.open().await] {
        let head = store.session(id).await.unwrap().session.last_seq;
        assert!(head >= EventSeq::new(last), "{head} is before {last}");
        // A write is in the log as a whole or not at all.
        assert_eq!((head.get() - 1) % 3, 0);
        let mut places = Vec::new();
        let mut after = EventSeq::START;
        loop {
            let rows = store.events_after(id, after, 100).await.unwrap();
            let Some(row) = rows.last() else { break };
            after = row.seq;
            places.extend(rows.iter().map(|row| row.seq.get()));
        }
        let expected: Vec<u64> = (1..=head.get()).collect();
        assert_eq!(places, expected);
    }
}
