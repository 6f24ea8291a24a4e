//! The agents: their setup, and their capabilities and limitations.

use std::fs;
use std::path::{Path, PathBuf};

use fake_llm::Dialect;
use serde_json::{Value, json};

/// A user's home with one configured agent, and the environment of that user.
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

/// The report about a command that exited with 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    /// The reported status.
    pub(crate) status: &'static str,
    /// The reported exit code, if any.
    pub(crate) exit_code: Option<i64>,
    /// True if the output is reported.
    pub(crate) output: bool,
}

/// The end of a turn whose tool was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The model is informed and continues.
    GoesOn,
    /// The turn ends as completed.
    EndsTurn,
    /// The turn ends with an error and its reason.
    GivesUp,
}

/// The effect of an interrupt on the running command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It kills the command.
    Ends,
    /// It may kill the command, or leave it running until the end of the session.
    MayRunOn,
}

/// The end of a turn with a failing model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error with this text.
    Error(&'static str),
    /// A completed turn, after the received part of the message.
    Unnoticed,
    /// Retries for longer than a test waits.
    TriedAgain,
}

/// An agent program: its setup, capabilities and limitations.
pub(crate) struct Program {
    /// The agent type.
    pub(crate) agent: &'static str,
    /// The name of the installed program.
    pub(crate) binary: &'static str,
    pub(crate) set_up: fn(&mut User),
    /// The API dialect of its model, and the model.
    pub(crate) dialect: Dialect,
    pub(crate) model: &'static str,
    /// The model that a task selects; by default the configured one.
    pub(crate) choice: Option<&'static str>,
    /// The task settings that make it request permissions.
    pub(crate) asking: Value,
    /// True if it requests permission for commands.
    pub(crate) asks_about_commands: bool,
    /// The name by which a rule of a policy covers its commands.
    pub(crate) command_tool: &'static str,
    pub(crate) failing: Failing,
    pub(crate) refused: Refused,
    /// The effect of an interrupt on the running command.
    pub(crate) interrupted: Interrupted,
    /// The reported usage of a turn with two requests of 1,000 tokens each.
    pub(crate) usage: Option<u64>,
    pub(crate) unauthorized: Fault,
    pub(crate) rate_limited: Fault,
    pub(crate) cut: Fault,
    pub(crate) truncated: Fault,
}

impl Program {
    /// Returns the agent selection of a task.
    pub(crate) fn chosen(&self, settings: &Value) -> Value {
        let mut chosen = json!({"type": self.agent, "settings": settings});
        if let Some(model) = self.choice {
            chosen["model"] = json!(model);
        }
        chosen
    }
}

/// opencode requests permissions only if its settings require it.
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
            // It would download a list of models, and language servers.
            user.set("OPENCODE_DISABLE_MODELS_FETCH", "1");
            user.set("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
        },
        dialect: Dialect::Chat,
        model: "fake-model",
        choice: None,
        asking: json!({}),
        asks_about_commands: true,
        command_tool: "bash",
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::EndsTurn,
        interrupted: Interrupted::Ends,
        // It reports the usage of the last request, a lower bound for the turn.
        usage: Some(1000),
        unauthorized: Fault::Error("the key is not valid"),
        rate_limited: Fault::TriedAgain,
        cut: Fault::TriedAgain,
        // It takes this for an incomplete answer, and retries indefinitely.
        truncated: Fault::TriedAgain,
    }
}

/// Copilot CLI works without an account with a custom model.
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
        command_tool: "execute",
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::EndsTurn,
        interrupted: Interrupted::Ends,
        usage: Some(2000),
        // It reports all of these as a message, and ends its turn as completed.
        unauthorized: Fault::Error("Authentication"),
        rate_limited: Fault::Error("rate limit"),
        cut: Fault::Error("Failed to get response from the AI model"),
        truncated: Fault::Error("Failed to get response from the AI model"),
    }
}

/// Gemini CLI does not report the output of commands.
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
        // By default it asks a smaller model first which model to use.
        choice: Some("gemini-2.5-pro"),
        asking: json!({}),
        asks_about_commands: true,
        command_tool: "run_shell_command",
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
        // After a few retries it accepts the partial answer.
        truncated: Fault::Unnoticed,
    }
}

/// Claude Code with claude-agent-acp.
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
        command_tool: "Bash",
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

/// Qwen Code asks for permission before it announces a call.
pub(crate) fn qwen() -> Program {
    Program {
        agent: "qwen",
        binary: "qwen",
        set_up: |user| {
            let settings = json!({
                "security": {"auth": {"selectedType": "openai"}},
                "general": {"enableAutoUpdate": false},
                "privacy": {"usageStatisticsEnabled": false},
            });
            user.write(".qwen/settings.json", &settings.to_string());
            let llm = format!("{}/v1", user.llm);
            user.set("OPENAI_BASE_URL", llm);
            user.set("OPENAI_API_KEY", "none");
            user.set("OPENAI_MODEL", "fake-model");
        },
        dialect: Dialect::Chat,
        model: "fake-model",
        choice: None,
        asking: json!({}),
        asks_about_commands: true,
        command_tool: "execute",
        failing: Failing {
            status: "failed",
            exit_code: Some(3),
            output: true,
        },
        refused: Refused::GoesOn,
        interrupted: Interrupted::Ends,
        usage: Some(2000),
        unauthorized: Fault::Error("the key is not valid"),
        rate_limited: Fault::TriedAgain,
        cut: Fault::Error("erminated"),
        truncated: Fault::Unnoticed,
    }
}

/// Codex with codex-acp. Its sandbox lets it work without permission requests, unless it is
/// read-only.
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
        command_tool: "exec_command",
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

/// Returns the folder of the installed programs; `None` if `binary` is not installed.
///
/// # Panics
/// `CI` is set and the program is not installed.
pub(crate) fn installed(binary: &str) -> Option<PathBuf> {
    // The folder used by `cargo xtask agents`.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../agents/node_modules/.bin");
    if folder.join(binary).exists() {
        return Some(folder.canonicalize().unwrap());
    }
    let missing = format!("{binary} is not installed: `cargo xtask agents` installs it");
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    println!("skipped: {missing}");
    None
}
