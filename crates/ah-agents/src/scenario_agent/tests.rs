//! Tests of the agent over its own protocol, in a temporary folder.

mod entries;
mod interruption;

use std::path::Path;
use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, EventPayload, PromptContent, PromptId, ToolOutcome, ToolResult,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use ulid::Ulid;

use super::exit::ExitCause;
use super::play;
use super::wire::{FromAgent, ToAgent};
use ah_lifecycle::TurnOutcome;

/// The maximum time that a test waits for a message before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running agent, and the driver's side of its pipes.
struct Agent {
    folder: TempDir,
    input: Option<DuplexStream>,
    output: Lines<BufReader<DuplexStream>>,
    playing: JoinHandle<ExitCause>,
}

impl Agent {
    /// Starts an agent on a timeline, a hundred times as fast as written.
    async fn playing(timeline: Value) -> Self {
        let scenario = json!({"name": "test", "timeline": timeline});
        Self::with(json!({"scenario": scenario, "speed": 0.01})).await
    }

    async fn with(settings: Value) -> Self {
        Self::within(tempfile::tempdir().unwrap(), settings).await
    }

    /// Starts an agent in this folder, and waits until it is ready.
    async fn within(folder: TempDir, settings: Value) -> Self {
        let (input, agent_input) = tokio::io::duplex(64 * 1024);
        let (agent_output, output) = tokio::io::duplex(64 * 1024);
        let workspace = folder.path().to_owned();
        let settings = object(settings);
        #[expect(clippy::disallowed_methods, reason = "the test joins it")]
        let playing = tokio::spawn(async move {
            play(agent_input, agent_output, workspace, &settings, Ulid(1)).await
        });
        let mut agent = Self {
            folder,
            input: Some(input),
            output: BufReader::new(output).lines(),
            playing,
        };
        assert!(matches!(
            agent.next_message().await,
            FromAgent::Ready { .. }
        ));
        agent
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    async fn tell(&mut self, what: &ToAgent) {
        let line = format!("{}\n", serde_json::to_string(what).unwrap());
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(line.as_bytes()).await.unwrap();
    }

    async fn prompt(&mut self, text: &str) {
        let prompt_id = PromptId::from_ulid(Ulid(7));
        self.tell(&ToAgent::Prompt {
            prompt_id,
            content: PromptContent::from(text),
        })
        .await;
    }

    async fn next_message(&mut self) -> FromAgent {
        let line = timeout(PATIENCE, self.output.next_line())
            .await
            .expect("the agent is silent");
        serde_json::from_str(&line.unwrap().expect("the agent has left")).unwrap()
    }

    /// Returns the messages of the agent up to the end of its turn, and the outcome.
    async fn rest_of_turn(&mut self) -> (Vec<FromAgent>, TurnOutcome) {
        let mut output = Vec::new();
        loop {
            match self.next_message().await {
                FromAgent::TurnEnded(outcome) => return (output, outcome),
                message => output.push(message),
            }
        }
    }

    /// Prompts the agent, and returns the events of a turn that must complete.
    async fn turn(&mut self, text: &str) -> Vec<EventPayload> {
        self.prompt(text).await;
        let (output, outcome) = self.rest_of_turn().await;
        assert_eq!(outcome, TurnOutcome::Completed, "{output:?}");
        events(&output)
    }

    /// Waits for a message of the agent that satisfies the condition.
    async fn until(&mut self, is_it: impl Fn(&FromAgent) -> bool) -> FromAgent {
        loop {
            let message = self.next_message().await;
            if is_it(&message) {
                return message;
            }
        }
    }

    /// Ends the agent's input, and returns the reason of its exit.
    async fn leave(mut self) -> ExitCause {
        self.input = None;
        timeout(PATIENCE, self.playing)
            .await
            .expect("the agent stays")
            .unwrap()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

fn events(output: &[FromAgent]) -> Vec<EventPayload> {
    let event = |message: &FromAgent| match message {
        FromAgent::Event(event) => Some(event.clone()),
        _ => None,
    };
    output.iter().filter_map(event).collect()
}

/// Returns the texts of the messages among events.
fn messages(events: &[EventPayload]) -> Vec<String> {
    let text = |event: &EventPayload| match event {
        EventPayload::Message(message) => match message.content.as_slice() {
            [ContentBlock::Text { text }] => Some(text.clone()),
            other => panic!("a message of {other:?}"),
        },
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// Returns the logged lines among events.
fn logged<'a>(events: &'a [EventPayload]) -> Vec<&'a str> {
    let line = |event: &'a EventPayload| match event {
        EventPayload::Log(log) => Some(log.message.as_str()),
        _ => None,
    };
    events.iter().filter_map(line).collect()
}

/// Returns the results of tools among events.
fn results<'a>(events: &'a [EventPayload]) -> Vec<&'a ToolResult> {
    let result = |event: &'a EventPayload| match event {
        EventPayload::ToolResult(result) => Some(result),
        _ => None,
    };
    events.iter().filter_map(result).collect()
}

/// Returns the edits among events, as git writes them: added, removed, path.
fn edits(events: &[EventPayload]) -> Vec<String> {
    let edit = |event: &EventPayload| match event {
        EventPayload::FileEdit(edit) => Some(format!(
            "{}\t{}\t{}",
            edit.lines_added, edit.lines_removed, edit.file_path
        )),
        _ => None,
    };
    events.iter().filter_map(edit).collect()
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args([
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b",
            "-c",
            "core.autocrlf=false",
        ])
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Creates a repository with these files in its only commit.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    git(folder.path(), &["add", "-A"]);
    git(
        folder.path(),
        &["commit", "-q", "--allow-empty", "-m", "first commit"],
    );
    folder
}

/// Returns the changes since the commit by `git diff --numstat`, with untracked files.
fn numstat(folder: &Path) -> Vec<String> {
    git(folder, &["add", "-A", "-N"]);
    git(folder, &["diff", "--numstat"])
        .lines()
        .map(str::to_owned)
        .collect()
}
