use ah_rest_api_contract::{Log, LogLevel, Timestamp};

use super::*;
use crate::protocol::Fact;

fn log(message: impl Into<String>) -> JournalRecord {
    JournalRecord {
        ts: Timestamp::from_unix_millis(1),
        entry: JournalEntry::Event(EventPayload::Log(Log::new(LogLevel::Info, message))),
        raw: None,
    }
}

fn folder() -> (tempfile::TempDir, SessionFolder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = SessionFolder::at(dir.path());
    (dir, folder)
}

#[test]
fn appended_records_are_read_from_any_position() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    // Longer than a chunk, so that lines lie across its ends.
    let records: Vec<_> = (0..50).map(|n| log("x".repeat(n * 200))).collect();
    for batch in records.chunks(7) {
        writer.append(batch).unwrap();
    }
    let all = read_from(&folder, 0, usize::MAX).unwrap();
    assert_eq!(
        all.iter()
            .map(|(record, _)| record)
            .cloned()
            .collect::<Vec<_>>(),
        records
    );
    assert_eq!(all.last().unwrap().1, writer.len());
    for (index, (_, next)) in all.iter().enumerate() {
        let rest = read_from(&folder, *next, 3).unwrap();
        assert_eq!(
            rest,
            all[index + 1..].iter().take(3).cloned().collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_partial_line_that_could_not_be_removed_is_removed_before_the_next_record() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    writer.append(&[log("first")]).unwrap();
    // The state after a write to a disk that became read-only in the middle of it.
    writer.file.write_all(b"{\"ts\":").unwrap();
    writer.is_torn = true;
    writer.append(&[log("second")]).unwrap();
    let records = read_from(&folder, 0, 10).unwrap();
    let records: Vec<_> = records.into_iter().map(|(record, _)| record).collect();
    assert_eq!(records, [log("first"), log("second")]);
}

#[test]
fn a_disk_that_takes_no_data_is_no_loss_of_the_journal() {
    let error = |kind: io::ErrorKind| JournalError::Io {
        doing: "append to",
        path: PathBuf::new(),
        source: kind.into(),
    };
    for passing in [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
    ] {
        assert!(error(passing).is_passing(), "{passing}");
    }
    for lasting in [io::ErrorKind::FileTooLarge, io::ErrorKind::NotFound] {
        assert!(!error(lasting).is_passing(), "{lasting}");
    }
}

#[test]
fn incomplete_line_is_not_read() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    writer.append(&[log("whole")]).unwrap();
    writer.file.write_all(b"{\"ts\":").unwrap();
    assert_eq!(read_from(&folder, 0, 10).unwrap().len(), 1);
}

#[test]
fn invalid_line_error_names_the_line() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    let offset = writer.append(&[log("whole")]).unwrap()[0];
    writer.file.write_all(b"nonsense\n").unwrap();
    let error = read_from(&folder, 0, 10).unwrap_err();
    assert!(matches!(error, JournalError::Malformed { offset: at, .. } if at == offset));
    assert!(
        error.to_string().contains(&format!("at byte {offset}")),
        "{error}"
    );
}

#[test]
fn missing_journal_has_no_records() {
    let (_dir, folder) = folder();
    assert_eq!(read_from(&folder, 0, 10).unwrap(), []);
}

#[test]
fn oversized_record_is_replaced_by_an_error_event() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    writer
        .append(&[log("y".repeat(LINE_BYTES_MAX)), log("after")])
        .unwrap();
    let records = read_from(&folder, 0, 10).unwrap();
    assert!(
        matches!(&records[0].0.entry, JournalEntry::Event(EventPayload::Error(error))
            if error.message.contains("too long"))
    );
    assert_eq!(records[1].0, log("after"));
}

#[test]
fn every_fact_round_trips_through_the_file() {
    let (_dir, folder) = folder();
    let mut writer = JournalWriter::open(&folder).unwrap();
    let facts = [
        Fact::AgentStarted { pid: 7 },
        Fact::Paused,
        Fact::Resumed,
        Fact::TurnEnded {
            prompt_id: None,
            outcome: crate::protocol::TurnOutcome::Failed { reason: "r".into() },
        },
        Fact::Ended(crate::protocol::AgentEnd {
            signal: Some(9),
            ..Default::default()
        }),
    ];
    let records: Vec<_> = facts
        .into_iter()
        .map(|fact| JournalRecord {
            ts: Timestamp::from_unix_millis(2),
            entry: JournalEntry::Fact(fact),
            raw: Some("{\"a\":1}".into()),
        })
        .collect();
    writer.append(&records).unwrap();
    let read: Vec<_> = read_from(&folder, 0, 10)
        .unwrap()
        .into_iter()
        .map(|(r, _)| r)
        .collect();
    assert_eq!(read, records);
}
