//! Random sequences of writes and claims, compared with a model in memory.

mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use ah_rest_api_contract::{
    EventSeq, Prompt, PromptContent, PromptId, PromptState, Receipt, SessionId, SessionStatus,
};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{StoreHarness, sample};
use crate::{
    Claim, EngineId, Fence, Guard, JournalPosition, PromptWrite, SessionVersion, SessionWrite,
    Store, StoreError,
};
use steps::{ENGINES, PromptChange, ReceiptChange, SESSIONS, Step, WriteStep, step};

/// The state of the model.
struct Model {
    sessions: Vec<SessionModel>,
    /// The valid receipts, by key.
    receipts: BTreeMap<u8, Receipt>,
    /// A prefix that separates the keys of this sequence from those of others.
    sequence: String,
}

/// The model's state of a session.
#[derive(Clone, Debug, PartialEq)]
struct SessionModel {
    id: SessionId,
    fence: u64,
    version: u64,
    last_seq: u64,
    status: SessionStatus,
    owner: Option<&'static str>,
    reason: Option<String>,
    journal: u64,
    prompts: Vec<(PromptId, PromptState)>,
}

/// The outcome of a write.
#[derive(Debug, PartialEq)]
enum Ended {
    Written { version: u64, last_seq: u64 },
    Fenced,
    Conflict,
    NotFound,
    AlreadyDone(Receipt),
}

impl Model {
    /// Returns the write of `change` on the current state, and its expected outcome.
    fn write(&mut self, change: &WriteStep) -> (SessionWrite, Ended) {
        let earlier = change
            .receipt
            .as_ref()
            .and_then(|receipt| self.receipts.get(&receipt.key));
        let (mut write, ended) = self.sessions[change.session].write(change, earlier);
        if let Some(ReceiptChange {
            key,
            expires_at_once,
        }) = change.receipt
        {
            let receipt = Receipt {
                key: format!("{}{key}", self.sequence),
                fingerprint: String::new(),
                bytes: sample::ulid().to_bytes().to_vec(),
                expires_at: sample::at(if expires_at_once { 1 } else { 2 }),
            };
            if matches!(ended, Ended::Written { .. }) && !expires_at_once {
                self.receipts.insert(key, receipt.clone());
            }
            write.receipt = Some(receipt);
        }
        (write, ended)
    }
}

impl SessionModel {
    /// Returns the write of `change`, whose request has the receipt `earlier`, and its expected
    /// outcome.
    fn write(&mut self, change: &WriteStep, earlier: Option<&Receipt>) -> (SessionWrite, Ended) {
        let guard = Guard {
            fence: change.fence_off_by.map(|by| Fence(self.fence + by)),
            version: change
                .version_off_by
                .map(|by| SessionVersion(self.version + by)),
            ..Guard::default()
        };
        let mut write = SessionWrite::new(self.id, guard, sample::at(1));
        write.events = vec![sample::event(1, sample::thought("hm")); change.events];
        write.patch.status = change.status;
        write.patch.reason.clone_from(&change.reason);
        write.patch.journal = change.journal.map(JournalPosition);
        let mut prompts = self.prompts.clone();
        let mut is_unknown = false;
        match change.prompt {
            None => {}
            Some(PromptChange::Enqueue) => {
                let prompt = prompt();
                prompts.push((prompt.id, PromptState::Queued));
                write.prompts.push(PromptWrite::Enqueue(prompt));
            }
            Some(PromptChange::Deliver(index)) => {
                let new = PromptId::from_ulid(sample::ulid());
                let known = prompts.get_mut(index);
                is_unknown = known.is_none();
                let id = known.as_ref().map_or(new, |(id, _)| *id);
                if let Some((_, state)) = known {
                    *state = PromptState::Delivered;
                }
                write
                    .prompts
                    .push(PromptWrite::Set(id, PromptState::Delivered));
            }
            Some(PromptChange::WithdrawQueued) => {
                for (_, state) in &mut prompts {
                    if *state == PromptState::Queued {
                        *state = PromptState::Withdrawn;
                    }
                }
                write
                    .prompts
                    .push(PromptWrite::SetQueued(PromptState::Withdrawn));
            }
        }
        let ended = if let Some(earlier) = earlier {
            Ended::AlreadyDone(earlier.clone())
        } else if change.fence_off_by.is_some_and(|by| by > 0) {
            Ended::Fenced
        } else if change.version_off_by.is_some_and(|by| by > 0) {
            Ended::Conflict
        } else if is_unknown {
            Ended::NotFound
        } else {
            self.prompts = prompts;
            self.take_in(change);
            Ended::Written {
                version: self.version,
                last_seq: self.last_seq,
            }
        };
        (write, ended)
    }

    fn take_in(&mut self, change: &WriteStep) {
        self.version += u64::from(change.version_off_by.is_some());
        self.last_seq += change.events as u64;
        if let Some(status) = change.status {
            self.status = status;
            if status.is_terminal() {
                self.owner = None;
            }
        }
        if let Some(reason) = &change.reason {
            self.reason.clone_from(reason);
        }
        if let Some(journal) = change.journal {
            self.journal = journal;
        }
    }

    fn claimed(&mut self, engine: usize) {
        self.owner = Some(ENGINES[engine]);
        self.fence += 1;
    }
}

fn prompt() -> Prompt {
    Prompt::new(
        PromptId::from_ulid(sample::ulid()),
        PromptContent::from("Go on."),
        "someone",
        sample::at(1),
    )
}

/// Performs `step` on the model and the store, and compares the outcomes.
async fn perform(store: &dyn Store, model: &mut Model, step: &Step) {
    let lease = |engine: usize| sample::lease(ENGINES[engine], sample::at(100));
    let (expected, claimed) = match step {
        Step::Writes(changes) => {
            let (writes, expected): (Vec<_>, Vec<_>) =
                changes.iter().map(|change| model.write(change)).unzip();
            let done = join_all(writes.into_iter().map(|write| store.write(write))).await;
            let done: Vec<Ended> = done.into_iter().map(ended).collect();
            assert_eq!(done, expected);
            return;
        }
        Step::Release { engine } => {
            for known in &mut model.sessions {
                known.owner = known.owner.filter(|owner| *owner != ENGINES[*engine]);
            }
            let engine = EngineId(ENGINES[*engine].to_owned());
            store.release(&engine).await.unwrap();
            return;
        }
        Step::ClaimNext { engine, slots } => {
            let taken = model
                .sessions
                .iter()
                .filter(|known| known.status.holds_slot());
            let is_free = taken.count() < *slots as usize;
            let next = model
                .sessions
                .iter_mut()
                .find(|known| is_free && known.status == SessionStatus::Queued);
            if let Some(known) = next {
                known.claimed(*engine);
                known.status = SessionStatus::Provisioning;
                known.version += 1;
                known.last_seq += 1;
                let claim = Claim::NextQueued { slots: *slots };
                let claimed = store.claim(claim, &lease(*engine), sample::at(1)).await;
                (Some(known.id), claimed)
            } else {
                let claim = Claim::NextQueued { slots: *slots };
                (
                    None,
                    store.claim(claim, &lease(*engine), sample::at(1)).await,
                )
            }
        }
        Step::ClaimOrphan { engine, dead } => {
            let is_orphan = |known: &&mut SessionModel| {
                let is_dead = |owner| {
                    owner != ENGINES[*engine] && dead.is_some_and(|dead| owner == ENGINES[dead])
                };
                known.status.holds_slot() && known.owner.is_none_or(is_dead)
            };
            let orphan = model.sessions.iter_mut().find(is_orphan).map(|known| {
                known.claimed(*engine);
                known.id
            });
            let dead = dead.iter().map(|dead| EngineId(ENGINES[*dead].to_owned()));
            let claim = Claim::Orphan {
                dead: dead.collect(),
            };
            (
                orphan,
                store.claim(claim, &lease(*engine), sample::at(1)).await,
            )
        }
    };
    assert_eq!(claimed.unwrap().map(|record| record.id()), expected);
}

fn ended(result: Result<crate::Written, StoreError>) -> Ended {
    match result {
        Ok(written) => Ended::Written {
            version: written.version.0,
            last_seq: written.last_seq.get(),
        },
        Err(StoreError::Fenced { .. }) => Ended::Fenced,
        Err(StoreError::Conflict { .. }) => Ended::Conflict,
        Err(StoreError::NotFound { .. }) => Ended::NotFound,
        Err(StoreError::AlreadyDone(earlier)) => Ended::AlreadyDone(*earlier),
        Err(error) => panic!("a write came to {error:?}"),
    }
}

/// Returns the store's state of session `id`, in the form of the model.
async fn known(store: &dyn Store, id: SessionId) -> SessionModel {
    let record = store.session(id).await.unwrap();
    let prompts = sample::prompts(store, id).await;
    SessionModel {
        id,
        fence: record.fence.0,
        version: record.version.0,
        last_seq: record.session.last_seq.get(),
        status: record.session.status,
        owner: record
            .owner
            .and_then(|owner| ENGINES.into_iter().find(|name| *name == owner.0)),
        reason: record.session.reason,
        journal: record.journal.0,
        prompts: prompts.iter().map(|it| (it.id, it.state)).collect(),
    }
}

/// After any sequence of writes and claims the store and the model are equal, and so is the outcome
/// of every step.
pub async fn store_behaves_like_the_model(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    let steps = prop::collection::vec(step(), 1..12);
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&steps, |steps| {
            runtime.block_on(one_sequence(&store, &steps));
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

async fn one_sequence(store: &Arc<dyn Store>, steps: &[Step]) {
    let ids = sample::sessions(&**store, SESSIONS).await;
    let mut model = Model {
        sessions: Vec::new(),
        receipts: BTreeMap::new(),
        sequence: sample::ulid().to_string(),
    };
    for id in ids {
        model.sessions.push(known(&**store, id).await);
    }
    for step in steps {
        perform(&**store, &mut model, step).await;
    }
    for key in 0..3 {
        let name = format!("{}{key}", model.sequence);
        let found = store.receipt(&name, sample::at(1)).await.unwrap();
        assert_eq!(found.as_ref(), model.receipts.get(&key));
    }
    for expected in &model.sessions {
        assert_eq!(known(&**store, expected.id).await, *expected);
        let count = usize::try_from(expected.last_seq).unwrap();
        super::log::assert_gapless(&**store, expected.id, count).await;
        // The session ends, so that the next sequence cannot claim it.
        let mut write = SessionWrite::new(expected.id, Guard::default(), sample::at(2));
        write.patch.status = Some(SessionStatus::Cancelled);
        let written = store.write(write).await.unwrap();
        assert_eq!(written.last_seq, EventSeq::new(expected.last_seq));
    }
}
