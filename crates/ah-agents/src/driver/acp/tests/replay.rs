//! Replays a recorded session with the driver and the recorder's conversation, and returns the
//! result as text. The driver's output is compared with that of the recorded client.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Instant;

use ah_lifecycle::turns::{Effects, Identifiers, Moment};
use ah_rest_api_contract::{
    EventPayload, PermissionAnswer, PermissionId, PermissionPolicy, PromptContent, PromptId,
    SessionId, Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};
use ulid::Ulid;

use crate::driver::{self, DrivenConversation};
use crate::{AgentProgram, DriverKind, LaunchSpec};
use ah_lifecycle::JournalEntry;

/// A line of a recording.
#[derive(Clone, Deserialize)]
struct Recorded {
    dir: Direction,
    msg: Value,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum Direction {
    #[serde(rename = "agent->client")]
    FromAgent,
    #[serde(rename = "client->agent")]
    ToAgent,
}

/// A recorded session to replay.
pub(super) struct Replay {
    /// The parts and their names.
    pieces: Vec<(&'static str, Vec<Recorded>)>,
}

/// The result of a replay.
pub(super) struct ReplayOutcome {
    /// The events and facts in order, one per line. Ephemeral ones start with `~`.
    pub(super) transcript: String,
    /// The reason why the session could not be opened.
    pub(super) unready: Option<String>,
}

impl Replay {
    /// Loads the recording with these parts.
    pub(super) fn of(agent: &str, pieces: &[&'static str]) -> Self {
        let pieces = pieces.iter().map(|piece| (*piece, read(agent, piece)));
        Self {
            pieces: pieces.collect(),
        }
    }

    /// Loads a session that the same process opened later, in the same way as its first one.
    pub(super) fn of_second_session(agent: &str, piece: &'static str) -> Self {
        let lines = read(agent, piece);
        let session = |lines: &[Recorded]| {
            let prompt = lines.iter().find(|line| is_prompt(line)).unwrap();
            prompt.msg["params"]["sessionId"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let first = read(agent, "edit");
        let (was, is) = (session(&first), session(&lines));
        let opening = first
            .into_iter()
            .take_while(|line| !is_prompt(line))
            .map(|line| Recorded {
                msg: serde_json::from_str(&line.msg.to_string().replace(&was, &is)).unwrap(),
                ..line
            })
            .collect();
        Self {
            pieces: vec![("opening", opening), (piece, lines)],
        }
    }

    /// Replays the session.
    pub(super) fn played(self) -> ReplayOutcome {
        let prompts = || {
            self.pieces
                .iter()
                .flat_map(|(_, lines)| lines)
                .filter(|it| is_prompt(it))
        };
        let first = prompts().next().map(prompted);
        let mut player = Player::new(first.unwrap_or_else(|| "none".into()));
        for (name, lines) in &self.pieces {
            player.transcript.push_str(&format!("--- {name}\n"));
            for line in lines {
                match line.dir {
                    Direction::FromAgent => player.on_agent(&line.msg),
                    Direction::ToAgent => player.follow_client(&line.msg),
                }
            }
        }
        player.transcript.push_str("--- end\n");
        player.act(|conversation, at, effects| conversation.agent_ended(at, effects));
        ReplayOutcome {
            unready: player.conversation.unready().map(ToOwned::to_owned),
            transcript: player.transcript,
        }
    }
}

fn read(agent: &str, piece: &str) -> Vec<Recorded> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/acp")
        .join(agent)
        .join(format!("{piece}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the lines of the agent in a recording, for a session with the id `session`.
pub(super) fn lines_of_agent(agent: &str, piece: &str, session: &str) -> Vec<String> {
    let lines = read(agent, piece).into_iter();
    let of_agent = lines.filter(|line| line.dir == Direction::FromAgent);
    of_agent
        .map(|mut line| {
            if line.msg["params"]["sessionId"].is_string() {
                line.msg["params"]["sessionId"] = json!(session);
            }
            line.msg.to_string()
        })
        .collect()
}

fn is_prompt(line: &Recorded) -> bool {
    line.msg["method"] == "session/prompt"
}

fn prompted(line: &Recorded) -> PromptContent {
    serde_json::from_value(line.msg["params"]["prompt"].clone()).unwrap()
}

struct Player {
    conversation: DrivenConversation,
    transcript: String,
    /// The pending permission requests, by the recorded id.
    permissions: HashMap<String, PermissionId>,
    /// Our request ids, by those of the recorded client.
    requests: HashMap<String, Value>,
    /// The recorded client's output that we have not written yet.
    expected: VecDeque<Value>,
    /// Our output that the recorded client has not written yet.
    written: VecDeque<Value>,
    prompts: u128,
}

impl Player {
    fn new(first: PromptContent) -> Self {
        let spec = spec(first);
        Self {
            conversation: driver::conversation(&spec, Identifiers::seeded(0)),
            transcript: String::new(),
            permissions: HashMap::new(),
            requests: HashMap::new(),
            expected: VecDeque::new(),
            written: VecDeque::new(),
            prompts: 0,
        }
    }

    /// Runs `deed`, and records its effects.
    fn act(&mut self, deed: impl FnOnce(&mut DrivenConversation, Moment, &mut Effects)) -> Effects {
        let at = Moment {
            wall: Timestamp::from_unix_millis(0),
            tick: Instant::now(),
        };
        let mut effects = Effects::default();
        deed(&mut self.conversation, at, &mut effects);
        let mut shown = effects.ephemeral.iter().peekable();
        for (index, record) in effects.records.iter().enumerate() {
            while let Some((_, event)) = shown.next_if(|(before, _)| *before <= index) {
                self.transcript.push_str(&format!("~ {}\n", json!(event)));
            }
            self.transcript
                .push_str(&format!("{}\n", in_short(&record.entry)));
        }
        for (_, event) in shown {
            self.transcript.push_str(&format!("~ {}\n", json!(event)));
        }
        let written = String::from_utf8(effects.to_agent.clone()).unwrap();
        self.written.extend(
            written
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
        self.compare();
        effects
    }

    fn on_agent(&mut self, message: &Value) {
        let mut line = message.clone();
        if message.get("method").is_none() {
            line["id"] = self.requests[&message["id"].to_string()].clone();
        }
        let line = line.to_string();
        let effects = self.act(|conversation, at, effects| {
            driver::on_line(conversation, line.as_bytes(), at, effects);
        });
        for record in &effects.records {
            if let JournalEntry::Event(EventPayload::PermissionRequest(request)) = &record.entry {
                let id = message["id"].to_string();
                self.permissions.insert(id, request.request_id);
            }
        }
    }

    fn follow_client(&mut self, message: &Value) {
        self.expected.push_back(message.clone());
        match message["method"].as_str() {
            Some("initialize") => {
                self.act(|conversation, _, effects| conversation.begin(effects));
            }
            Some("session/prompt") => self.prompt(message),
            Some("session/cancel") => {
                let effects =
                    self.act(|conversation, at, effects| conversation.interrupt(at, effects));
                if effects.to_agent.is_empty() {
                    // The turn before is still ending, so this one never began.
                    self.expected.pop_back();
                }
            }
            Some(_) => {}
            None => self.answer(message),
        }
        self.compare();
    }

    fn prompt(&mut self, message: &Value) {
        self.prompts += 1;
        if self.prompts == 1 {
            // The initial prompt, which is sent once the agent is ready.
            return;
        }
        let id = prompt_id(self.prompts);
        let content = serde_json::from_value(message["params"]["prompt"].clone()).unwrap();
        self.act(|conversation, at, effects| {
            conversation.prompt(id, content, "ann".to_owned(), false, at, effects);
        });
    }

    fn answer(&mut self, message: &Value) {
        let Some(id) = self.permissions.remove(&message["id"].to_string()) else {
            // Capabilities that the recorded client offered and we do not.
            return;
        };
        let option = message["result"]["outcome"]["optionId"].as_str().unwrap();
        let answer = PermissionAnswer::Select(option.to_owned());
        self.act(|conversation, at, effects| conversation.answer(id, &answer, "ann", at, effects));
    }

    /// Compares our output with the recorded client's.
    fn compare(&mut self) {
        while !self.expected.is_empty() && !self.written.is_empty() {
            let (Some(expected), Some(written)) =
                (self.expected.pop_front(), self.written.pop_front())
            else {
                return;
            };
            if written["error"]["code"] == -32601 {
                assert_eq!(expected["id"], written["id"], "{expected} {written}");
                continue;
            }
            assert_eq!(
                expected["method"], written["method"],
                "{expected} {written}"
            );
            assert_eq!(expected["result"], written["result"]);
            if expected["method"] == "initialize" {
                let version = |message: &Value| message["params"]["protocolVersion"].clone();
                assert_eq!(version(&expected), version(&written));
            } else {
                assert_eq!(expected["params"], written["params"]);
            }
            self.requests
                .insert(expected["id"].to_string(), written["id"].clone());
        }
    }
}

/// Returns a launch specification of an unknown kind of agent.
pub(super) fn spec(prompt: PromptContent) -> LaunchSpec {
    LaunchSpec {
        session_id: SessionId::from_ulid(Ulid::nil()),
        agent: AgentProgram {
            agent_type: "mine".to_owned(),
            driver: DriverKind::Acp,
            argv: Vec::new(),
            env: BTreeMap::new(),
            inherits: crate::Inheritance::default(),
            home: None,
            model: None,
            version: None,
            settings: serde_json::Map::new(),
        },
        sandbox: None,
        workspace: "/workspace".into(),
        prompt,
        prompt_id: prompt_id(0),
        author: "ann".to_owned(),
        permissions: PermissionPolicy::default(),
        interactive: true,
        orphan_idle_ms: 0,
        timeout_ms: None,
        idle_ms: None,
        fence: None,
        stop_grace_ms: 0,
        ready_ms: 0,
    }
}

fn prompt_id(number: u128) -> PromptId {
    PromptId::from_ulid(Ulid::from_parts(0, number))
}

/// Returns an entry as one line, without the parts common to all.
fn in_short(entry: &JournalEntry) -> String {
    match entry {
        JournalEntry::Event(event) => json!(event).to_string(),
        JournalEntry::Attachment(part) => format!("+ {part:?}"),
        JournalEntry::Fact(fact) => format!("= {}", json!(fact)),
    }
}
