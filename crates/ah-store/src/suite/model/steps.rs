//! The steps of a random sequence.

use ah_rest_api_contract::SessionStatus;
use proptest::prelude::*;

pub(super) const SESSIONS: usize = 3;
pub(super) const ENGINES: [&str; 2] = ["first", "second"];

/// A step on the store and the model.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Concurrent writes, carried out one after another.
    Writes(Vec<WriteStep>),
    ClaimNext {
        engine: usize,
        slots: u32,
    },
    ClaimOrphan {
        engine: usize,
        dead: Option<usize>,
    },
    Release {
        engine: usize,
    },
}

/// A write. Its guards are offsets from the current values: 0 holds, others do not.
#[derive(Clone, Debug)]
pub(super) struct WriteStep {
    pub(super) session: usize,
    pub(super) fence_off_by: Option<u64>,
    pub(super) version_off_by: Option<u64>,
    pub(super) events: usize,
    pub(super) status: Option<SessionStatus>,
    pub(super) reason: Option<Option<String>>,
    pub(super) journal: Option<u64>,
    pub(super) prompt: Option<PromptChange>,
    pub(super) receipt: Option<ReceiptChange>,
}

/// A receipt under one of a few keys.
#[derive(Clone, Debug)]
pub(super) struct ReceiptChange {
    pub(super) key: u8,
    /// True if the receipt has expired as soon as it is written.
    pub(super) expires_at_once: bool,
}

#[derive(Clone, Debug)]
pub(super) enum PromptChange {
    Enqueue,
    /// The prompt with this index, if it exists.
    Deliver(usize),
    WithdrawQueued,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let engine = 0..ENGINES.len();
    prop_oneof![
        6 => prop::collection::vec(change(), 1..6).prop_map(Step::Writes),
        2 => (engine.clone(), 0..4_u32)
            .prop_map(|(engine, slots)| Step::ClaimNext { engine, slots }),
        1 => (engine.clone(), prop::option::of(engine.clone()))
            .prop_map(|(engine, dead)| Step::ClaimOrphan { engine, dead }),
        1 => engine.prop_map(|engine| Step::Release { engine }),
    ]
}

fn change() -> impl Strategy<Value = WriteStep> {
    let off_by = || prop::option::of(prop_oneof![3 => Just(0_u64), 1 => 1..3_u64]);
    let prompt = prop_oneof![
        Just(PromptChange::Enqueue),
        (0..3_usize).prop_map(PromptChange::Deliver),
        Just(PromptChange::WithdrawQueued),
    ];
    let receipt =
        (0..3_u8, prop::bool::weighted(0.2)).prop_map(|(key, expires_at_once)| ReceiptChange {
            key,
            expires_at_once,
        });
    (
        0..SESSIONS,
        off_by(),
        off_by(),
        0..4_usize,
        prop::option::weighted(0.3, prop::sample::select(&SessionStatus::ALL[..])),
        prop::option::of(prop::option::of("[a-z]{0,3}")),
        prop::option::of(0..1000_u64),
        prop::option::weighted(0.4, prompt),
        prop::option::weighted(0.4, receipt),
    )
        .prop_map(
            |(
                session,
                fence_off_by,
                version_off_by,
                events,
                status,
                reason,
                journal,
                prompt,
                receipt,
            )| {
                WriteStep {
                    session,
                    fence_off_by,
                    version_off_by,
                    events,
                    status,
                    reason,
                    journal,
                    prompt,
                    receipt,
                }
            },
        )
}
