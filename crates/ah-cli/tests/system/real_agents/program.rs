//! The agents: how each is set up, and what it can and cannot do.

use std::fs;
use std::path::{Path, PathBuf};

use fake_llm::Dialect;
use serde_json::{Value, json};

/// A user's home with one agent set up in it, and the environment of that user.
pub(crate) struct User {
    pub(crate) home: PathBuf,
    /// The address of the model.
    pub(crate) llm: String,
    pub(crate) environment: Vec<(String, String)>,
}

impl User {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// What an agent tells of a command that exited with 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    /// Whether it calls it `failed`.
    pub(crate) status: &'static str,
    /// Whether it tells the exit code.
    pub(crate) exit_code: Option<i64>,
    /// Whether it tells what the command printed.
    pub(crate) output: bool,
}

/// What becomes of a turn whose tool was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The model is told, and goes on.
    GoesOn,
    /// The turn is over, as if it were done.
    EndsTurn,
    /// The turn is over, as an error that says why.
    GivesUp,
}

/// What an interrupt does to the command that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It ends it.
    Ends,
    /// It ends it at times, and at times leaves it to the end of the session.
    MayRunOn,
}

/// What becomes of a turn whose model is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends as an error with these words in it.
    Error(&'static str),
    /// It ends as if nothing was wrong, after the words that did come.
    Unnoticed,
    /// It is tried again for longer than a test waits.
    TriedAgain,
}

/// An agent program: how it is set up, and what it can and cannot do.
pub(crate) struct Program {
    /// What tasks call it.
    pub(crate) agent: &'static str,
    /// What is looked for among the installed programs.
    pub(crate) binary: &'static str,
    pub(crate) set_up: fn(&mut User),
    /// How it speaks to its model, and which one it asks.
    pub(crate) dialect: Dialect,
    pub(crate) model: &'static str,
    /// Which model a task chooses; the one that it is set up with otherwise.
    pub(crate) choice: Option<&'static str>,
    /// What a task sets so that it asks before it does anything.
    pub(crate) asking: Value,
    /// Whether it asks before it runs a command.
    pub(crate) asks_about_commands: bool,
    pub(crate) failing: Failing,
    pub(crate) refused: Refused,
    /// What an interrupt does to the command that runs.
    pub(crate) interrupted: Interrupted,
    /// What a turn has used, as it is told, when the model was asked twice with 1,000 tokens each.
    pub(crate) usage: Option<u64>,
    pub(crate) unauthorized: Fault,
    pub(crate) rate_limited: Fault,
    pub(crate) cut: Fault,
    pub(crate) truncated: Fault,
}

impl Program {
    /// The agent as a task chooses it.
    pub(crate) fn chosen(&self, settings: &Value) -> Value {
        let mut chosen = json!({"type": self.agent, "settings": settings});
        if let Some(model) = self.choice {
            chosen["model"] = json!(model);
        }
        chosen
    }
}

/// opencode asks about nothing unless its settings say so.
pub(crate) fn opencode() -> Program {
    Program {
        agent: "opencode",
        binary: "opencode",
        set_up: |user| {
            let provider = json!({
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": format!("{}/v1", user.llm), "apiKey": "none"},
                "models": {"fake-model": {
                    "tool_call": true,
                    "limit": {"context": 200_000, "output": 8_000},
                    "cost": {"input": 1, "output": 2},
                }},
            });
            let settings = json!({
                "model": "fake/fake-model", "small_model": "fake/fake-model",
                "provider": {"fake": provider},
                "permission": {"edit": "ask", "bash": "ask"},
            });
            user.write(".config/opencode/opencode.json", &settings.to_string());
            // It would fetch a list of models, and servers of languages.
            user.set("OPENCODE_DISABLE_MODELS_FETCH", "1");
            user.set("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
        },
        dialect: Dialect::Chat,
        model: "fake-model",
        choice: None,
        asking: json!({}),
        asks_about_commands: true,
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::EndsTurn,
        interrupted: Interrupted::Ends,
        // It tells what the last request used, which is the least that the turn did.
        usage: Some(1000),
        unauthorized: Fault::Error("the key is not valid"),
        rate_limited: Fault::TriedAgain,
        cut: Fault::TriedAgain,
        // It takes this for an answer without an end, and asks on and on.
        truncated: Fault::TriedAgain,
    }
}

/// Copilot CLI works without an account on a model of its user's own.
pub(crate) fn copilot() -> Program {
    Program {
        agent: "copilot",
        binary: "copilot",
        set_up: |user| {
            let llm = format!("{}/v1", user.llm);
            user.set("COPILOT_OFFLINE", "true");
            user.set("COPILOT_PROVIDER_BASE_URL", llm);
            user.set("COPILOT_PROVIDER_API_KEY", "none");
            user.set("COPILOT_MODEL", "fake-model");
        },
        dialect: Dialect::Chat,
        model: "fake-model",
        choice: None,
        asking: json!({}),
        asks_about_commands: true,
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::EndsTurn,
        interrupted: Interrupted::Ends,
        usage: Some(2000),
        // It says all of these as a message, and ends its turn as if it were done.
        unauthorized: Fault::Error("Authentication"),
        rate_limited: Fault::Error("rate limit"),
        cut: Fault::Error("Failed to get response from the AI model"),
        truncated: Fault::Error("Failed to get response from the AI model"),
    }
}

/// Gemini CLI tells nothing of what a command printed.
pub(crate) fn gemini() -> Program {
    Program {
        agent: "gemini",
        binary: "gemini",
        set_up: |user| {
            let settings = json!({
                "security": {"auth": {"selectedType": "gemini-api-key"}},
                "general": {"enableAutoUpdate": false},
                "privacy": {"usageStatisticsEnabled": false},
            });
            user.write(".gemini/settings.json", &settings.to_string());
            user.set("GEMINI_API_KEY", "none");
            let llm = user.llm.clone();
            user.set("GOOGLE_GEMINI_BASE_URL", llm);
        },
        dialect: Dialect::Gemini,
        model: "gemini-2.5-pro",
        // By itself it asks a smaller model first which model is to answer.
        choice: Some("gemini-2.5-pro"),
        asking: json!({}),
        asks_about_commands: true,
        failing: Failing {
            status: "completed",
            exit_code: None,
            output: false,
        },
        refused: Refused::GoesOn,
        interrupted: Interrupted::Ends,
        usage: Some(2000),
        unauthorized: Fault::Error("the key is not valid"),
        rate_limited: Fault::TriedAgain,
        cut: Fault::Error("terminated"),
        // After a few more attempts it takes the words for the answer.
        truncated: Fault::Unnoticed,
    }
}

/// Claude Code by claude-agent-acp.
pub(crate) fn claude_acp() -> Program {
    Program {
        agent: "claude-acp",
        binary: "claude-agent-acp",
        set_up: |user| {
            let llm = user.llm.clone();
            user.set("ANTHROPIC_BASE_URL", llm);
            user.set("ANTHROPIC_API_KEY", "none");
        },
        dialect: Dialect::Messages,
        model: "claude-",
        choice: None,
        asking: json!({}),
        asks_about_commands: true,
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::GoesOn,
        interrupted: Interrupted::Ends,
        usage: Some(2400),
        unauthorized: Fault::Error("the key is not valid"),
        rate_limited: Fault::Error("rate limit reached"),
        cut: Fault::Error("Connection to the API was lost"),
        truncated: Fault::Error("API Error"),
    }
}

/// Codex by codex-acp. Unless it may do nothing but read, its sandbox lets it work without a
/// question.
pub(crate) fn codex_acp() -> Program {
    Program {
        agent: "codex-acp",
        binary: "codex-acp",
        set_up: |user| {
            let settings = format!(
                "model = \"gpt-5.5\"\n\
                 model_provider = \"fake\"\n\
                 [model_providers.fake]\n\
                 name = \"fake\"\n\
                 base_url = \"{}/v1\"\n\
                 env_key = \"FAKE_API_KEY\"\n\
                 wire_api = \"responses\"\n\
                 request_max_retries = 1\n\
                 stream_max_retries = 1\n",
                user.llm
            );
            user.write(".codex/config.toml", &settings);
            user.set("FAKE_API_KEY", "none");
        },
        dialect: Dialect::Responses,
        model: "gpt-5.5",
        choice: None,
        asking: json!({"mode": "read-only"}),
        // It runs them in its sandbox, where they cannot write.
        asks_about_commands: false,
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::GivesUp,
        interrupted: Interrupted::MayRunOn,
        usage: Some(2000),
        unauthorized: Fault::Error("Authentication required"),
        rate_limited: Fault::Error("429"),
        cut: Fault::Error("stream disconnected"),
        truncated: Fault::Error("stream disconnected"),
    }
}

/// The folder of the installed programs; nothing when `binary` is not among them.
///
/// # Panics
/// Where CI is set, when it is not among them.
pub(crate) fn installed(binary: &str) -> Option<PathBuf> {
    // Where `cargo xtask agents` puts them.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../agents/node_modules/.bin");
    if folder.join(binary).exists() {
        return Some(folder.canonicalize().unwrap());
    }
    let missing = format!("{binary} is not installed: `cargo xtask agents` installs it");
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    println!("skipped: {missing}");
    None
}
