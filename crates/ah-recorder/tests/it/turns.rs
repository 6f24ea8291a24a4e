use ah_recorder::protocol::{EndCause, Fact, JournalEntry, Request, ShutdownManner, TurnOutcome};
use ah_rest_api_contract::{EventPayload, MessageRole, PromptDelivery};

use crate::fixture::{Session, log_text, prompt_id};

#[tokio::test]
async fn session_is_recorded_from_start_to_end() {
    let session = Session::new("log hello");
    let mut attended = session.begin().await;
    attended.until_turn_end().await;
    attended.shutdown(ShutdownManner::Finish).await;
    attended.until_closed().await;
    let end = session.assert_over().await;
    assert_eq!(
        (end.exit_code, end.signal, end.reason, end.swept, end.cause),
        (Some(0), None, None, 0, Some(EndCause::Finished))
    );
    // The JSON files hold the environment and the settings of the agent, so none may remain.
    let left: Vec<_> = std::fs::read_dir(session.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_str().unwrap().ends_with(".json"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    assert_eq!(
        attended.seen,
        session.journal(),
        "what was sent is what is written"
    );
    let entries: Vec<_> = attended.seen.iter().map(|record| &record.entry).collect();
    let prompt = session.spec.prompt_id;
    assert!(matches!(entries[0], JournalEntry::Fact(Fact::Launching)));
    assert!(matches!(
        entries[1],
        JournalEntry::Fact(Fact::AgentStarted { .. })
    ));
    assert!(
        matches!(
            entries[2],
            JournalEntry::Fact(Fact::AgentReady {
                version: Some(_),
                ..
            })
        ),
        "its version"
    );
    assert!(matches!(entries[3],
        JournalEntry::Fact(Fact::TurnStarted { prompt_id, delivery: PromptDelivery::Initial })
            if *prompt_id == prompt));
    assert!(
        matches!(entries[4], JournalEntry::Event(EventPayload::Message(message))
        if message.role == MessageRole::User
            && message.prompt_id == Some(prompt)
            && message.author.as_deref() == Some("tester"))
    );
    assert_eq!(log_text(&attended.seen[5]), Some("hello"));
    assert!(attended.seen[5].raw.as_deref().unwrap().contains("hello"));
    assert!(matches!(
        entries[6],
        JournalEntry::Fact(Fact::TurnEnded {
            prompt_id: Some(ended),
            outcome: TurnOutcome::Completed
        }) if *ended == prompt
    ));
    assert!(matches!(entries[7], JournalEntry::Fact(Fact::Ended(_))));
    assert_eq!(entries.len(), 8);
}

#[tokio::test]
async fn prompt_waits_for_the_end_of_the_turn_and_is_delivered_once() {
    let session = Session::new("hang");
    let mut attended = session.begin().await;
    attended
        .until(|record| matches!(record.entry, JournalEntry::Fact(Fact::TurnStarted { .. })))
        .await;
    let second = Request::Prompt {
        prompt_id: prompt_id(),
        content: "log second".into(),
        author: "tester".to_owned(),
        steer: false,
    };
    attended.send(second.clone()).await;
    attended.send(second.clone()).await;
    attended.send(Request::Interrupt).await;
    attended.until_log("second").await;
    attended.until_turn_end().await;
    // A new attendant does not know the delivered prompts, and repeats the request.
    let mut attended = session.attach(2, attended.next).await;
    attended.send(second).await;
    attended.prompt("log third").await;
    attended.until_log("third").await;
    attended.until_turn_end().await;
    let journal = session.journal();
    assert_eq!(
        journal
            .iter()
            .filter(|record| log_text(record) == Some("second"))
            .count(),
        1
    );
    let outcomes: Vec<_> = journal
        .iter()
        .filter_map(|record| match &record.entry {
            JournalEntry::Fact(Fact::TurnEnded { outcome, .. }) => Some(outcome.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            TurnOutcome::Interrupted,
            TurnOutcome::Completed,
            TurnOutcome::Completed
        ]
    );
}

#[tokio::test]
async fn long_texts_are_truncated_with_a_notice() {
    let session = Session::new("huge 9000000\noutput 300000\nlog after");
    let mut attended = session.begin().await;
    attended.until_log("after").await;
    let texts: Vec<_> = attended
        .seen
        .iter()
        .filter_map(|record| match &record.entry {
            JournalEntry::Event(EventPayload::Error(error)) => Some(error.message.clone()),
            JournalEntry::Event(EventPayload::ToolResult(result)) => {
                assert!(result.tool_output.len() <= 64 * 1024);
                assert!(record.raw.as_ref().unwrap().len() <= 16 * 1024);
                Some(result.tool_output.clone())
            }
            _ => None,
        })
        .collect();
    let logs = attended.seen.iter().filter_map(log_text);
    let cut = logs.filter(|text| text.contains("9000000 bytes") && text.contains("were left out"));
    assert_eq!(cut.count(), 1, "{:#?}", attended.seen);
    assert!(texts[1].contains("bytes left out"));
    assert_eq!(texts.len(), 2);
}

#[tokio::test]
async fn agent_cannot_send_events_of_the_access_point() {
    let session = Session::new("forge\nlog after");
    let mut attended = session.begin().await;
    attended.until_log("after").await;
    let forged = |record: &ah_recorder::protocol::JournalRecord| {
        matches!(record.entry, JournalEntry::Event(EventPayload::Status(_)))
    };
    assert!(!attended.seen.iter().any(forged));
    assert!(attended.seen.iter().any(|record| matches!(&record.entry,
        JournalEntry::Event(EventPayload::Error(error)) if error.message.contains("`status`"))));
}
