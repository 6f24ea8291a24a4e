//! Writes: guards, patches, numbering.

use std::sync::Arc;

use ah_rest_api_contract::{
    Activity, ChangeSummary, EventSeq, ExecutorId, LogLevel, SessionId, SessionStatus,
    SessionWorkspace, Usage, WorkspaceProvider,
};
use futures::future::join_all;

use crate::suite::log::assert_gapless;
use crate::suite::{StoreHarness, sample, soon};
use crate::{
    Claim, Ending, Fence, Guard, JournalPosition, SessionPatch, SessionRecord, SessionVersion,
    SessionWrite, StoreError, TurnEnd, Written,
};

fn on_version(version: u64) -> Guard {
    Guard {
        version: Some(SessionVersion(version)),
        ..Guard::default()
    }
}

fn on_fence(fence: u64) -> Guard {
    Guard {
        fence: Some(Fence(fence)),
        ..Guard::default()
    }
}

/// Returns a write with an event that also changes the reason.
fn telling(session: SessionId, guard: Guard, text: &str) -> SessionWrite {
    let mut write = SessionWrite::new(session, guard, sample::at(9));
    write.events = vec![sample::event(9, sample::thought(text))];
    write.patch.reason = Some(Some(text.to_owned()));
    write
}

fn full_patch() -> SessionPatch {
    SessionPatch {
        status: Some(SessionStatus::Running),
        activity: Some(Some(Activity::AwaitingPermission)),
        reason: Some(Some("it asked \"why\"\u{0}".to_owned())),
        exit_code: Some(-3),
        ending: Some(Ending::Fail {
            reason: "it took too long".to_owned(),
        }),
        interrupt_requested: Some(true),
        last_turn: Some(Some(TurnEnd::Failed {
            reason: "no answer".to_owned(),
        })),
        workspace: Some(Some(
            SessionWorkspace::new(
                WorkspaceProvider::Worktree,
                "/work space/ä",
                ExecutorId::local(),
            )
            .with_branch("ah/x".to_owned()),
        )),
        commit: Some("abc123".to_owned()),
        agent_version: Some("2.0".to_owned()),
        agent_session_id: Some("ses_1".to_owned()),
        started_at: Some(sample::at(3)),
        ended_at: None,
        changes: Some(ChangeSummary {
            files_changed: 1,
            lines_added: 2,
            lines_removed: 3,
        }),
        usage: Some(Usage {
            input_tokens: 7,
            cost_usd: Some(0.1),
            ..Usage::default()
        }),
        last_message: Some("it is \"done\" – ä".to_owned()),
        journal: Some(JournalPosition(1 << 40)),
        hidden: Some(true),
    }
}

/// Every field of a patch is read as set, and nothing else changes.
pub async fn every_field_of_a_patch_is_kept(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let before = store.session(id).await.unwrap();
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(5));
    write.patch = full_patch();
    write.events = vec![sample::event(4, sample::log(LogLevel::Info, "line"))];
    store.write(write).await.unwrap();

    let mut expected: SessionRecord = before;
    let patch = full_patch();
    let session = &mut expected.session;
    session.status = SessionStatus::Running;
    session.activity = patch.activity.unwrap();
    session.reason = patch.reason.unwrap();
    session.exit_code = patch.exit_code;
    session.workspace = patch.workspace.unwrap();
    session.repo.commit = patch.commit;
    session.agent.version = patch.agent_version;
    session.started_at = patch.started_at;
    session.changes = patch.changes;
    session.usage = patch.usage;
    session.last_message = patch.last_message;
    session.updated_at = sample::at(4);
    session.last_seq = session.last_seq.next();
    expected.ending = patch.ending;
    expected.interrupt_requested = true;
    expected.last_turn = patch.last_turn.flatten();
    expected.agent_session_id = patch.agent_session_id;
    expected.journal = JournalPosition(1 << 40);
    expected.hidden = true;
    assert_eq!(store.session(id).await.unwrap(), expected);

    // A write of another field does not affect them.
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(4));
    write.patch.exit_code = Some(0);
    store.write(write).await.unwrap();
    expected.session.exit_code = Some(0);
    assert_eq!(store.session(id).await.unwrap(), expected);
}

/// The time of the last update is that of the latest event. A write without events is none.
pub async fn the_latest_event_is_the_last_update(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for (events, journal, expected) in [
        (vec![7], 1, 7),
        (vec![5, 6], 2, 7),
        (vec![], 3, 7),
        (vec![8], 4, 8),
    ] {
        for patch in [
            SessionPatch {
                journal: Some(JournalPosition(journal)),
                ..SessionPatch::default()
            },
            SessionPatch {
                exit_code: Some(0),
                ..SessionPatch::default()
            },
        ] {
            let mut write = SessionWrite::new(id, Guard::default(), sample::at(9));
            let events = events.iter();
            write.events = events
                .map(|at| sample::event(*at, sample::log(LogLevel::Info, "line")))
                .collect();
            write.patch = patch;
            store.write(write).await.unwrap();
            let session = store.session(id).await.unwrap().session;
            assert_eq!(session.updated_at, sample::at(expected));
        }
    }
}

/// `Some(None)` clears a field.
pub async fn patch_clears_fields(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(4));
    write.patch = full_patch();
    store.write(write).await.unwrap();
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(5));
    write.patch.activity = Some(None);
    write.patch.reason = Some(None);
    write.patch.workspace = Some(None);
    write.patch.last_turn = Some(None);
    write.patch.interrupt_requested = Some(false);
    write.patch.hidden = Some(false);
    store.write(write).await.unwrap();

    let record = store.session(id).await.unwrap();
    assert_eq!(record.session.activity, None);
    assert_eq!(record.session.reason, None);
    assert_eq!(record.last_turn, None);
    assert_eq!(record.session.workspace, None);
    assert!(!record.interrupt_requested);
    assert!(!record.hidden);
    assert_eq!(record.session.exit_code, Some(-3));
}

/// A decision on a stale version is refused as a whole.
pub async fn stale_version_is_a_conflict_without_effect(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let first = store.write(telling(id, on_version(0), "first")).await;
    assert_eq!(
        first.unwrap(),
        Written {
            version: SessionVersion(1),
            last_seq: EventSeq::new(2),
            session: None,
        }
    );
    let before = store.session(id).await.unwrap();
    let refused = store.write(telling(id, on_version(0), "second")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(store.session(id).await.unwrap(), before);
    let events = store.events_after(id, EventSeq::START, 10).await.unwrap();
    assert_eq!(events.len(), 2);
}

/// A write with a stale fence is refused as a whole.
pub async fn stale_fence_is_rejected_without_effect(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let before = store.session(id).await.unwrap();
    let refused = store.write(telling(id, on_fence(1), "late")).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    assert_eq!(store.session(id).await.unwrap(), before);
}

/// A write with both guards requires both.
pub async fn both_guards_are_checked(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let guard = |fence, version| Guard {
        fence: Some(Fence(fence)),
        version: Some(SessionVersion(version)),
        ..Guard::default()
    };
    for (fence, version) in [(0, 1), (1, 0), (1, 1)] {
        let refused = store.write(telling(id, guard(fence, version), "no")).await;
        assert!(refused.is_err(), "{fence} {version}");
    }
    store.write(telling(id, guard(0, 0), "yes")).await.unwrap();
}

/// A write without a version guard does not change the version.
pub async fn only_decisions_increment_the_version(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for guard in [Guard::default(), on_fence(0)] {
        let written = store.write(telling(id, guard, "word")).await.unwrap();
        assert_eq!(written.version, SessionVersion(0));
    }
    let written = store.write(telling(id, on_version(0), "word")).await;
    assert_eq!(written.unwrap().version, SessionVersion(1));
}

/// A write to a session that takes prompts is a decision that no other one makes stale. It is
/// refused once the session takes none, also by an earlier write of its transaction.
pub async fn prompts_are_taken_until_the_end_is_decided(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let taking = Guard {
        takes_prompts: true,
        ..Guard::default()
    };
    let mut prompts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        prompts.spawn(async move { store.write(telling(id, taking, "word")).await });
    }
    let mut versions: Vec<u64> = prompts
        .join_all()
        .await
        .into_iter()
        .map(|written| written.unwrap().version.0)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=16).collect::<Vec<_>>());

    let mut pausing = telling(id, on_version(16), "pause");
    pausing.patch.status = Some(SessionStatus::Paused);
    let (paused, refused) = tokio::join!(
        store.write(pausing),
        store.write(telling(id, taking, "late"))
    );
    paused.unwrap();
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    let mut resumed = telling(id, on_version(17), "resume");
    resumed.patch.status = Some(SessionStatus::Running);
    store.write(resumed).await.unwrap();
    store.write(telling(id, taking, "again")).await.unwrap();
    let mut ending = telling(id, on_version(19), "end");
    ending.patch.ending = Some(Ending::Complete);
    store.write(ending).await.unwrap();
    let refused = store.write(telling(id, taking, "late")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
}

/// A session that a write returns has every event up to its last one, also those that were written
/// after the decision was made.
pub async fn a_returned_session_is_as_of_the_commit(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for version in 0..5 {
        let before = store.session(id).await.unwrap().session.last_seq;
        let mut decision = telling(id, on_version(version), "decided");
        decision.returns_session = true;
        let mut agent = telling(id, Guard::default(), "meanwhile");
        agent.patch.usage = Some(Usage {
            input_tokens: version,
            ..Usage::default()
        });
        // The two may share a transaction.
        let (agent, decision) = tokio::join!(store.write(agent), store.write(decision));
        assert_eq!(agent.unwrap().session, None);
        let decision = decision.unwrap();
        let session = decision.session.unwrap();
        assert!(session.last_seq >= decision.last_seq);
        assert!(decision.last_seq > before);
        let now = store.session(id).await.unwrap().session;
        assert_eq!(now.last_seq.get(), before.get() + 2);
        // The agent's write may have been committed later.
        if session.last_seq == now.last_seq {
            assert_eq!(*session, now);
        } else {
            assert_eq!(session.last_seq, decision.last_seq);
        }
    }
    let mut unchanged = SessionWrite::new(id, Guard::default(), sample::at(9));
    unchanged.returns_session = true;
    let returned = store.write(unchanged).await.unwrap().session.unwrap();
    assert_eq!(*returned, store.session(id).await.unwrap().session);
}

/// Of concurrent writes, the refused ones fail and the others succeed.
pub async fn rejected_write_does_not_affect_others(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 8).await;
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..10 {
        for id in &ids {
            let (store, id) = (Arc::clone(&store), *id);
            // Every second write is refused.
            let guard = on_fence(round % 2);
            tasks.spawn(async move { store.write(telling(id, guard, "word")).await.is_ok() });
        }
    }
    let done = soon("the writes", tasks.join_all()).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 40);
    for id in ids {
        assert_gapless(&*store, id, 1 + 5).await;
    }
}

/// A write of more than 1,000 events is refused as a whole; one of 1,000 succeeds.
pub async fn too_many_events_are_refused(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(1));
    write.events = vec![sample::event(1, sample::log(LogLevel::Info, "line")); 1001];
    assert!(store.write(write.clone()).await.is_err());
    write.events.pop();
    let written = store.write(write).await.unwrap();
    assert_eq!(written.last_seq, EventSeq::new(1001));
    assert_gapless(&*store, id, 1001).await;
}

/// Fifty writers use two handles and five sessions. Every log counts 1, 2, 3… without a gap, and
/// every writer gets the number of its own event.
pub async fn many_writers_on_two_handles_leave_no_gap(harness: &dyn StoreHarness) {
    const WRITERS: usize = 50;
    const WRITES: usize = 6;
    let handles = [harness.open().await, harness.open().await];
    let ids = sample::sessions(&*handles[0], 5).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&handles[writer % 2]);
        let id = ids[writer / 2 % ids.len()];
        tasks.spawn(async move {
            for index in 0..WRITES {
                let text = format!("{writer}/{index}");
                let write = telling(id, Guard::default(), &text);
                let written = store.write(write).await.unwrap();
                let before = EventSeq::new(written.last_seq.get() - 1);
                let event = store.events_after(id, before, 1).await.unwrap();
                assert_eq!(event[0].seq, written.last_seq);
                assert!(event[0].json.contains(&text), "{}", event[0].json);
            }
        });
    }
    soon("the writes", tasks.join_all()).await;
    let each = WRITERS / ids.len() * WRITES;
    for id in ids {
        assert_gapless(&*handles[1], id, 1 + each).await;
    }
}

/// A terminal status clears the owner; recent events are shown only before it.
pub async fn an_ended_session_has_no_owner_and_no_recent_events(harness: &dyn StoreHarness) {
    for status in SessionStatus::ALL {
        let store = harness.open().await;
        let id = sample::one_session(&*store).await;
        let lease = sample::lease("a", sample::at(100));
        let claim = Claim::NextQueued { slots: 100 };
        let claimed = store.claim(claim, &lease, sample::at(1)).await.unwrap();
        assert_eq!(claimed.unwrap().id(), id);
        let mut write = telling(id, on_fence(1), "word");
        write.patch.status = Some(status);
        store.write(write).await.unwrap();
        let record = store.session(id).await.unwrap();
        let ended = status.is_terminal();
        assert_eq!(record.owner.is_none(), ended, "{status}");
        assert_eq!(record.session.recent_events.is_empty(), ended, "{status}");
        let mut write = SessionWrite::new(id, on_fence(1), sample::at(3));
        write.patch.status = Some(SessionStatus::Cancelled);
        store.write(write).await.unwrap();
    }
}

/// A terminal status clears the owner, together with any other write.
pub async fn terminal_write_clears_the_owner(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let lease = sample::lease("a", sample::at(100));
    let claim = Claim::NextQueued { slots: 100 };
    let claimed = store.claim(claim, &lease, sample::at(1)).await.unwrap();
    assert_eq!(claimed.unwrap().id(), id);
    let writes = [SessionStatus::Stopped, SessionStatus::Running].map(|status| {
        let mut write = SessionWrite::new(id, on_fence(1), sample::at(3));
        write.patch.status = Some(status);
        store.write(write)
    });
    for written in join_all(writes).await {
        written.unwrap();
    }
    let record = store.session(id).await.unwrap();
    assert_eq!(record.session.status, SessionStatus::Running);
    assert_eq!(record.owner, None);
}

/// The terminal write erases the environment, which may hold secrets, and nothing else of the
/// launch. An earlier write does not.
pub async fn an_end_erases_the_environment_of_the_agent(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    for status in [
        SessionStatus::Completed,
        SessionStatus::Failed,
        SessionStatus::Stopped,
        SessionStatus::Cancelled,
    ] {
        let ids = sample::sessions(&*store, 2).await;
        let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(1));
        write.patch.status = Some(SessionStatus::Running);
        store.write(write.clone()).await.unwrap();
        let launch = store.session(ids[0]).await.unwrap().launch;
        assert!(!launch.env.is_empty());
        write.patch.status = Some(status);
        store.write(write).await.unwrap();
        let ended = store.session(ids[0]).await.unwrap();
        let mut expected = launch.clone();
        expected.env.clear();
        assert_eq!(ended.launch, expected);
        let other = store.session(ids[1]).await.unwrap();
        assert_eq!(other.launch, launch);
    }
}
