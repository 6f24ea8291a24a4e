//! Kill -9 of the access point at random moments, observed through a raw stream.

use std::hash::{BuildHasher as _, Hasher as _};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Ask, Http};
use crate::server::{Server, spawn};
use crate::setting::{Process, Setting, agent, agent_processes, status};

/// The number of kills while the agent works, and while it waits for permission.
const KILLS_WORKING: usize = 15;
const KILLS_WAITING: usize = 5;
/// Those of the former that hit while a prompt is in flight.
const PROMPTS: [(usize, &str); 2] = [(4, "the first"), (9, "the second")];

/// Reproducible random numbers: `SplitMix64` (Steele, Lea, Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    /// A different sequence each time, unless `AH_TEST_SEED` is set.
    pub(crate) fn new() -> Self {
        let seed = match std::env::var("AH_TEST_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => std::hash::RandomState::new().build_hasher().finish(),
        };
        println!("AH_TEST_SEED={seed} has the same moments again");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    pub(crate) fn milliseconds(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound * 1000))
    }
}

/// Thoughts for a minute, ended by an interrupt; a permission request; and a last message.
fn scenario() -> Value {
    let thoughts: Vec<Value> = (0..3000)
        .map(|number| json!([number * 20, format!("thought {number}")]))
        .collect();
    json!({
        "name": "long and talkative",
        "timeline": [
            {"llmResponse": [{"think": thoughts}]},
            {"hang": true},
            {"userInputs": [{"input": "the first"}]},
            {"agentPermissionRequest": {
                "toolCall": {"toolCallId": "push", "title": "Push the branch", "kind": "execute"},
                "options": [
                    {"id": "allow", "label": "Yes", "kind": "allow_once"},
                    {"id": "deny", "label": "No", "kind": "reject_once"},
                ],
            }},
            {"agentToolUse": {
                "toolCallId": "push", "toolName": "runCmd", "args": {"cmd": "echo pushed >> pushed.txt"},
            }},
            {"userInputs": [{"input": "the second"}]},
            {"agentEdits": {"path": "notes.md", "linesAdded": 3, "linesRemoved": 0}},
            {"complete": true},
        ],
    })
}

/// A session and its server, which is killed.
struct Victim {
    setting: Setting,
    server: Server,
    random: Random,
    session: String,
    agent: Process,
    seen: Vec<Value>,
}

impl Victim {
    fn launch() -> Self {
        let random = Random::new();
        let setting = Setting::new();
        let server = Server::start(&setting);
        let task = json!({
            "prompt": "do it",
            "repo": {"mode": "git", "url": setting.repository()},
            "agents": [{"type": "scenario", "settings": {"scenario": scenario()}}],
        });
        let launched = server.http(&setting).post("/api/v1/tasks", &task);
        let session = launched.expect(201)["session_ids"][0]
            .as_str()
            .unwrap()
            .to_owned();
        let mut seen = Vec::new();
        let mut events = server.http(&setting).events(&session, 0);
        events.until(&mut seen, |event| event["type"] == "thought");
        Self {
            agent: agent(&session),
            setting,
            server,
            random,
            session,
            seen,
        }
    }

    fn http(&self) -> Http {
        self.server.http(&self.setting)
    }

    fn path(&self, what: &str) -> String {
        format!("/api/v1/sessions/{}/{what}", self.session)
    }

    /// Reads from the last seen event until `wanted` matches one.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut events = self.http().events(&self.session, self.seen.len() as u64);
        events.until(&mut self.seen, wanted)
    }

    /// Reads for a random time or number of bytes, often to the middle of a frame, and then kills
    /// the server. Sometimes it is killed again while it restarts.
    fn kill_at_a_random_moment(mut self) -> Self {
        let mut events = self.http().events(&self.session, self.seen.len() as u64);
        let time = self.random.milliseconds(400);
        let bytes = match self.random.below(2) {
            0 => usize::try_from(self.random.below(10_000)).unwrap(),
            _ => usize::MAX,
        };
        events.read(&mut self.seen, time, bytes);
        let while_it_starts = match self.random.below(4) {
            0 => Some(self.random.milliseconds(400)),
            _ => None,
        };
        self.kill(while_it_starts)
    }

    fn kill(mut self, while_it_starts: Option<Duration>) -> Self {
        let port = self.server.kill();
        if let Some(time) = while_it_starts {
            let mut second = spawn(&self.setting, &port, Stdio::null());
            std::thread::park_timeout(time);
            second.kill().unwrap();
            second.wait().unwrap();
        }
        self.server = Server::start_at(&self.setting, port);
        assert_eq!(agent(&self.session), self.agent, "the agent is another one");
        self
    }

    /// Kills the server while this request is in flight, and sends it again.
    fn kill_during(mut self, request: impl Fn(&Http) -> Ask, status: u16) -> Self {
        let sent = request(&self.http()).write();
        std::thread::park_timeout(self.random.milliseconds(8));
        self = self.kill(None);
        drop(sent);
        request(&self.http()).send().expect(status);
        // Sends it once more: by now it was certainly executed.
        let again = request(&self.http()).send();
        again.expect(status);
        assert_eq!(again.header("idempotency-replayed"), "true");
        self
    }
}

#[test]
fn twenty_kills_at_random_times_lose_nothing() {
    let mut victim = Victim::launch();
    for kill in 0..KILLS_WORKING {
        victim = victim.kill_at_a_random_moment();
        if let Some((_, text)) = PROMPTS.iter().find(|(at, _)| *at == kill) {
            let path = victim.path("prompt");
            let key = format!("01KA5Z4T8Q6N3B0M7W1C2D9E{kill:02}");
            let prompt = |http: &Http| {
                let ask = http.ask("POST", &path).json(&json!({"prompt": text}));
                ask.header("Idempotency-Key", &key)
            };
            victim = victim.kill_during(prompt, 202);
        }
    }
    let queued = victim.http().get(&victim.path("prompts")).expect(200);
    assert_eq!(queued["total"], PROMPTS.len(), "{queued}");
    let interrupted = victim.http().post(&victim.path("interrupt"), &Value::Null);
    interrupted.expect(202);
    victim.until(|event| event["type"] == "permission_request");
    for _ in 0..KILLS_WAITING {
        victim = victim.kill_at_a_random_moment();
    }
    let waiting = victim.http().get(&victim.path("permissions")).expect(200);
    assert_eq!(waiting["items"][0]["state"], "pending", "{waiting}");
    let request = &waiting["items"][0]["request"]["request_id"];
    let path = victim.path(&format!("permissions/{}", request.as_str().unwrap()));
    let answer = |http: &Http| {
        let ask = http.ask("POST", &path).json(&json!({"optionId": "allow"}));
        ask.header("Idempotency-Key", "01KA5Z4T8Q6N3B0M7W1C2D9EZZ")
    };
    victim = victim.kill_during(answer, 200);
    victim.until(status("completed"));
    check(victim);
}

/// Checks that every reader sees each event of the log exactly once.
fn check(victim: Victim) {
    let Victim {
        setting,
        server,
        session,
        seen,
        ..
    } = victim;
    let seqs: Vec<u64> = seen
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());

    let thoughts = all_of(&seen, "thought", "/thought");
    assert!(thoughts.len() > 20, "{thoughts:?}");
    for (number, thought) in thoughts.iter().enumerate() {
        assert_eq!(thought, &format!("thought {number}"));
    }
    let messages = all_of(&seen, "message", "/content/0/text");
    assert_eq!(messages, ["do it", "the first", "the second"]);
    assert_eq!(all_of(&seen, "permission_request", "/type").len(), 1);
    assert_eq!(
        all_of(&seen, "permission_resolved", "/option_id"),
        ["allow"]
    );
    let statuses = all_of(&seen, "status", "/status");
    assert_eq!(statuses, ["queued", "provisioning", "running", "completed"]);

    let http = server.http(&setting);
    let ended = http.get(&format!("/api/v1/sessions/{session}")).expect(200);
    let folder = std::path::Path::new(ended["workspace"]["path"].as_str().unwrap());
    assert_eq!(
        std::fs::read_to_string(folder.join("pushed.txt")).unwrap(),
        "pushed\n"
    );
    assert!(agent_processes(&session).is_empty());
    // A stream from the beginning, a command with the server, and a command with its own engine.
    let mut whole = Vec::new();
    http.events(&session, 0)
        .until(&mut whole, status("completed"));
    assert_eq!(whole, seen);
    assert_eq!(setting.log(&session), seen);
    server.end();
    assert_eq!(setting.log(&session), seen);
}

/// Returns the texts at `pointer` in the events of this type.
fn all_of<'a>(seen: &'a [Value], name: &str, pointer: &str) -> Vec<&'a str> {
    let events = seen.iter().filter(|event| event["type"] == name);
    events
        .map(|event| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        })
        .collect()
}
