use std::time::Duration;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, MessageId, PermissionAction, PermissionOption,
    PermissionOptionKind, PermissionPolicy, SessionId, ThoughtDelta, Timestamp,
};
use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::turns::{AgentOutput, OtherClaims, ToolRequest};
use crate::{Fact, JournalEntry, JournalRecord, TurnOutcome};

/// An agent whose input is one word for each call.
struct WordAgent {
    steers: bool,
}

impl AgentInput for WordAgent {
    fn can_steer(&self) -> bool {
        self.steers
    }

    fn begin(&mut self, to_agent: &mut Vec<u8>) {
        to_agent.extend_from_slice(b"begin ");
    }

    fn prompt(
        &mut self,
        _: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        if content.text() == "unspeakable" {
            return Err("it takes no such prompt".to_owned());
        }
        to_agent.extend_from_slice(format!("prompt:{} ", content.text()).as_bytes());
        Ok(())
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        to_agent.extend_from_slice(b"interrupt ");
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        to_agent.extend_from_slice(format!("answer:{key}:{option:?} ").as_bytes());
    }
}

/// A conversation whose agent's lines are one word each.
type Talk = Conversation<WordAgent>;

impl Talk {
    fn word(&mut self, line: &[u8], at: Moment, effects: &mut Effects) {
        let output = vec![meaning(line)];
        self.line(line, output, at, effects);
    }
}

fn meaning(line: &[u8]) -> AgentOutput {
    let option = |id: &str, kind| PermissionOption::new(id.to_owned(), id.to_owned(), kind);
    let request = |options| {
        AgentOutput::PermissionRequest(ToolRequest {
            key: "key".to_owned(),
            tool_name: "tool".to_owned(),
            tool_args: serde_json::Map::new(),
            options,
            other: OtherClaims::default(),
            is_tool: true,
        })
    };
    match line {
        b"ready" => AgentOutput::Ready {
            version: None,
            agent_session_id: None,
        },
        b"end" => AgentOutput::TurnEnded(TurnOutcome::Completed),
        b"ask" => request(vec![
            option("yes", PermissionOptionKind::AllowOnce),
            option("no", PermissionOptionKind::RejectOnce),
        ]),
        b"choiceless" => request(Vec::new()),
        b"delta" => AgentOutput::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta::new(
            MessageId::from_ulid(Ulid::nil()),
            0,
            "d",
        ))),
        other => AgentOutput::Malformed(String::from_utf8_lossy(other).into_owned()),
    }
}

fn id(number: u128) -> PromptId {
    PromptId::from_ulid(Ulid::from_parts(0, number))
}

fn conversation(policy: PermissionPolicy, steers: bool) -> Talk {
    let opening = Opening {
        session_id: SessionId::from_ulid(Ulid::from_parts(0, 7)),
        prompt_id: id(1),
        prompt: "first".into(),
        author: "ann".to_owned(),
        permissions: policy,
        workspace: "/w".to_owned(),
    };
    Conversation::new(opening, WordAgent { steers }, Identifiers::seeded(0))
}

fn at(tick: Instant) -> Moment {
    Moment {
        wall: Timestamp::from_unix_millis(1000),
        tick,
    }
}

/// Calls `act` and returns its effects in words.
fn effects_of(
    conversation: &mut Talk,
    act: impl FnOnce(&mut Talk, &mut Effects),
) -> (Vec<String>, String) {
    let mut effects = Effects::default();
    act(conversation, &mut effects);
    let records = effects.records.iter().map(in_a_word).collect();
    let to_agent = String::from_utf8(effects.to_agent).unwrap();
    (records, to_agent.trim_end().to_owned())
}

fn in_a_word(record: &JournalRecord) -> String {
    match &record.entry {
        JournalEntry::Fact(Fact::AgentReady { .. }) => "ready".to_owned(),
        JournalEntry::Fact(Fact::TurnStarted { .. }) => "turn".to_owned(),
        JournalEntry::Fact(Fact::TurnEnded { .. }) => "turn over".to_owned(),
        JournalEntry::Fact(Fact::PromptTaken { .. }) => "taken".to_owned(),
        JournalEntry::Event(EventPayload::Message(message)) => {
            format!("message {:?}", message.delivery.unwrap())
        }
        JournalEntry::Event(EventPayload::PermissionResolved(resolved)) => format!(
            "{:?} {} by {}",
            resolved.outcome,
            resolved.option_id.as_deref().unwrap_or("-"),
            resolved.by
        ),
        JournalEntry::Event(event) => event.event_type().to_string(),
        JournalEntry::Attachment(part) => format!("a part of {} bytes", part.size),
        JournalEntry::Fact(other) => format!("{other:?}"),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn prompts_get_their_own_turns_and_steered_ones_join_where_supported() {
    let now = at(Instant::now());
    for steers in [false, true] {
        let mut talk = conversation(PermissionPolicy::default(), steers);
        let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.word(b"ready", now, out));
        assert_eq!(records, words(&["ready", "turn", "message Initial"]));
        assert_eq!(to_agent, "prompt:first");
        let (records, to_agent) = effects_of(&mut talk, |talk, out| {
            talk.prompt(id(2), "second".into(), "bob".into(), true, now, out);
        });
        let (later, to_agent_later) =
            effects_of(&mut talk, |talk, out| talk.word(b"end", now, out));
        if steers {
            assert_eq!(records, words(&["message Steered", "taken"]));
            assert_eq!(to_agent, "prompt:second");
            assert_eq!(later, words(&["turn over"]));
        } else {
            assert_eq!((records, to_agent), (vec![], String::new()));
            assert_eq!(
                later,
                words(&["turn over", "turn", "message Queued", "taken"])
            );
            assert_eq!(to_agent_later, "prompt:second");
        }
    }
}

#[test]
fn an_interruption_comes_before_the_withdrawal_and_once() {
    let now = at(Instant::now());
    let mut talk = conversation(PermissionPolicy::default(), false);
    effects_of(&mut talk, |talk, out| talk.word(b"ready", now, out));
    effects_of(&mut talk, |talk, out| talk.word(b"ask", now, out));
    let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.interrupt(now, out));
    assert_eq!(records, words(&["Cancelled - by agent"]));
    assert_eq!(to_agent, "interrupt answer:key:None");
    let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.interrupt(now, out));
    assert_eq!((records, to_agent), (vec![], String::new()));
}

#[test]
fn a_request_without_choices_is_withdrawn_at_once() {
    let now = at(Instant::now());
    let mut talk = conversation(PermissionPolicy::default(), false);
    let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.word(b"choiceless", now, out));
    assert_eq!(
        records,
        words(&["permission_request", "Cancelled - by policy"])
    );
    assert_eq!(to_agent, "answer:key:None");
}

#[test]
fn permission_request_expires_at_its_deadline() {
    let start = Instant::now();
    let policy = PermissionPolicy {
        timeout_ms: 1000,
        ..PermissionPolicy::without_rules(PermissionAction::Ask)
    };
    let mut talk = conversation(policy, false);
    effects_of(&mut talk, |talk, out| talk.word(b"ask", at(start), out));
    let due = talk.next_deadline().unwrap();
    assert_eq!(due, start + Duration::from_secs(1));
    let early = at(due - Duration::from_millis(1));
    let (records, _) = effects_of(&mut talk, |talk, out| talk.on_time(early, out));
    assert_eq!(records, words(&[]));
    let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.on_time(at(due), out));
    assert_eq!(records, words(&["Expired no by timeout"]));
    assert_eq!(to_agent, "answer:key:Some(\"no\")");
    assert_eq!(talk.next_deadline(), None);
}

#[test]
fn closing_agent_gets_no_prompt() {
    let now = at(Instant::now());
    let mut talk = conversation(PermissionPolicy::default(), false);
    effects_of(&mut talk, |talk, out| talk.word(b"ready", now, out));
    talk.close();
    assert!(talk.is_in_turn());
    let (records, to_agent) = effects_of(&mut talk, |talk, out| {
        talk.prompt(id(2), "second".into(), "bob".into(), false, now, out);
    });
    assert_eq!((records, to_agent), (words(&["log"]), String::new()));
    let (records, to_agent) = effects_of(&mut talk, |talk, out| talk.word(b"end", now, out));
    assert_eq!((records, to_agent), (words(&["turn over"]), String::new()));
    assert!(!talk.is_in_turn());
}

proptest! {
    /// Any sequence of inputs: turns never overlap, each prompt is delivered at most once, and each
    /// request is settled at most once.
    #[test]
    fn journal_is_consistent_for_any_input(deeds in prop::collection::vec((0_u8..7, 1_u128..5), 0..60)) {
        let now = at(Instant::now());
        let mut talk = conversation(PermissionPolicy::default(), false);
        let mut effects = Effects::default();
        for (deed, number) in deeds {
            match deed {
                0 => talk.word(b"ready", now, &mut effects),
                1 => talk.word(b"end", now, &mut effects),
                2 => talk.word(b"ask", now, &mut effects),
                3 => talk.prompt(id(number), "p".into(), "a".into(), true, now, &mut effects),
                4 => talk.interrupt(now, &mut effects),
                5 => {
                    let request = PermissionId::from_ulid(Ulid::from_parts(1000, number));
                    talk.answer(request, &PermissionAnswer::Cancel, "b", now, &mut effects);
                }
                _ => talk.word(b"delta", now, &mut effects),
            }
        }
        talk.agent_ended(now, &mut effects);
        let mut in_turn = false;
        let mut started = HashSet::new();
        let mut open = HashSet::new();
        for record in &effects.records {
            match &record.entry {
                JournalEntry::Fact(Fact::TurnStarted { prompt_id, .. }) => {
                    prop_assert!(!std::mem::replace(&mut in_turn, true));
                    prop_assert!(started.insert(*prompt_id));
                }
                JournalEntry::Fact(Fact::TurnEnded { .. }) => {
                    prop_assert!(std::mem::replace(&mut in_turn, false));
                }
                JournalEntry::Event(EventPayload::PermissionRequest(request)) => {
                    prop_assert!(open.insert(request.request_id));
                }
                JournalEntry::Event(EventPayload::PermissionResolved(resolved)) => {
                    prop_assert!(open.remove(&resolved.request_id));
                }
                _ => {}
            }
        }
        prop_assert!(open.is_empty(), "every request is settled in the end");
    }
}

#[test]
fn withdrawn_prompt_is_never_delivered() {
    let mut conversation = conversation(PermissionPolicy::default(), false);
    let now = at(Instant::now());
    effects_of(&mut conversation, |c, effects| {
        c.word(b"ready", now, effects);
    });
    let ask = |c: &mut Talk, effects: &mut Effects| {
        c.prompt(
            id(7),
            PromptContent::from("never mind"),
            "ann".into(),
            false,
            now,
            effects,
        );
    };
    effects_of(&mut conversation, ask);
    conversation.withdraw(id(7));
    effects_of(&mut conversation, ask);
    let (records, to_agent) =
        effects_of(&mut conversation, |c, effects| c.word(b"end", now, effects));
    assert_eq!(records, words(&["turn over"]));
    assert_eq!(to_agent, "");
}
