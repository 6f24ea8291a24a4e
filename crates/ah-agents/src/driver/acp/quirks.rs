//! Differences between agents with the same protocol. Each row was measured with the named program
//! and version. An agent without a row is assumed to follow ACP.

/// The deviations of an agent.
#[derive(Debug)]
pub(super) struct Quirks {
    /// The program's own names (`agentInfo.name`), or its agent types.
    pub(super) names: &'static [&'static str],
    /// The source of a tool's name.
    pub(super) tool_name: ToolName,
    /// The point at which a tool's input is known.
    pub(super) input_known: InputKnown,
    /// The meaning of a tool call's content while the tool runs.
    pub(super) early_content: EarlyContent,
    /// The preferred source of a tool's output.
    pub(super) output: OutputSource,
    /// The phrase with a command's exit code.
    pub(super) exit_words: Option<ExitWords>,
    /// The prefix of a last output line that does not belong to the tool.
    pub(super) output_trailer: Option<&'static str>,
    /// The scope of the usage reported at the end of a turn.
    pub(super) usage: UsageScope,
    /// The prefix of a message that is an error not reported by the turn's end.
    pub(super) error_message: Option<&'static str>,
    /// The prefix of a thought that is not the agent's.
    pub(super) foreign_thought: Option<&'static str>,
    /// True if a permission request applies to all open tool calls and names none.
    pub(super) confirms_all: bool,
    /// The ids of options that do more than their kind says.
    pub(super) odd_options: &'static [&'static str],
    /// True if a cancelled turn ends as if it were completed.
    pub(super) cancel_completes: bool,
}

/// An additional source of a tool's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolName {
    /// None: the kind of the tool is its name.
    Kind,
    /// The title of its first update.
    FirstTitle,
    /// The part of its title before this text.
    TitleBefore(&'static str),
    /// The part of the call id before this text.
    IdBefore(&'static str),
}

/// The point at which a tool's input is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputKnown {
    /// Once it is reported, or the tool runs.
    WhenTold,
    /// Once the tool runs.
    WhenRunning,
    /// Once it is reported, even if the tool already runs.
    OnlyWhenTold,
}

/// The meaning of a tool call's content while the tool runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlyContent {
    /// The output so far.
    Output,
    /// The input.
    Input,
}

/// The preferred source of a tool's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputSource {
    /// The content of the call.
    Content,
    /// The `rawOutput` of the call.
    Raw,
}

/// The phrase with a command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExitWords {
    /// The text before the number, at the start of a line.
    pub(super) before: &'static str,
    /// The line with the phrase.
    pub(super) line: ExitLine,
    /// True if a completed command has exit code 0.
    pub(super) completed_is_zero: bool,
}

/// The line with an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitLine {
    /// The first line of the output, which is not part of it.
    First,
    /// The last line of the output, which is not part of it.
    Last,
    /// Any line of the content, which is not the output.
    Content,
}

/// The scope of the usage reported at the end of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageScope {
    /// The turn.
    Turn,
    /// The session so far.
    Session,
    /// The last request to the model, a lower bound for the turn.
    LastRequest,
}

/// The behaviour that ACP specifies. Codex has it with either adapter (codex-acp 2.6 and 0.16).
static PLAIN: Quirks = Quirks {
    names: &[],
    tool_name: ToolName::Kind,
    input_known: InputKnown::WhenTold,
    early_content: EarlyContent::Output,
    output: OutputSource::Content,
    exit_words: None,
    output_trailer: None,
    usage: UsageScope::Turn,
    error_message: None,
    foreign_thought: None,
    confirms_all: false,
    odd_options: &[],
    cancel_completes: false,
};

static TABLE: [Quirks; 8] = [
    // opencode 1.18. A call is announced before its input is known (`bash` with only its working
    // folder), and its first title is the tool's name.
    Quirks {
        names: &["OpenCode", "opencode"],
        tool_name: ToolName::FirstTitle,
        input_known: InputKnown::WhenRunning,
        usage: UsageScope::LastRequest,
        ..PLAIN
    },
    // Copilot CLI 1.0. A refusal by the model is a message and a completed turn. A command's output
    // ends with a generated line, `<shellId: 1 completed with exit code 3>`.
    Quirks {
        names: &["Copilot", "copilot"],
        output_trailer: Some("<shellId: "),
        usage: UsageScope::Session,
        error_message: Some("Error: "),
        ..PLAIN
    },
    // Gemini CLI 0.61. A call that needs permission is never announced, only requested, and the
    // output of a command is not reported. The id of a call starts with the tool: `write_file__…`.
    Quirks {
        names: &["gemini-cli", "gemini"],
        tool_name: ToolName::IdBefore("__"),
        ..PLAIN
    },
    // Claude Code with claude-agent-acp 0.49. Content is wrapped in Markdown fences; the plain text
    // is in `rawOutput`. The output of a failed command starts with `Exit code 3`.
    Quirks {
        names: &["@agentclientprotocol/claude-agent-acp", "claude-acp"],
        output: OutputSource::Raw,
        exit_words: Some(ExitWords {
            before: "Exit code ",
            line: ExitLine::First,
            completed_is_zero: true,
        }),
        ..PLAIN
    },
    // Kimi Code 2.1. While the model writes a call, its content is the incomplete JSON of the
    // input. The output of a failed command ends with a sentence by Kimi.
    Quirks {
        names: &["Kimi Code CLI", "kimi-code", "kimi"],
        tool_name: ToolName::FirstTitle,
        input_known: InputKnown::OnlyWhenTold,
        early_content: EarlyContent::Input,
        exit_words: Some(ExitWords {
            before: "Command failed with exit code: ",
            line: ExitLine::Last,
            completed_is_zero: true,
        }),
        ..PLAIN
    },
    // Qwen Code 0.15. The content of a command is a report in prose; only the output is in
    // `rawOutput`.
    Quirks {
        names: &["qwen-code", "qwen"],
        output: OutputSource::Raw,
        exit_words: Some(ExitWords {
            before: "Exit Code: ",
            line: ExitLine::Content,
            completed_is_zero: false,
        }),
        ..PLAIN
    },
    // Mistral Vibe 3.0. The usage of a turn is counted from the start of the session.
    Quirks {
        names: &["@mistralai/mistral-vibe", "mistral-vibe", "vibe"],
        usage: UsageScope::Session,
        ..PLAIN
    },
    // OpenHands CLI 1.16. Its own instructions are reported as a thought. The content of a call
    // repeats its input and wraps its output. A permission request covers all open calls and has an
    // id of its own. One of its two options of the kind `allow_once` changes the mode instead. A
    // cancelled turn ends late, as a completed one.
    Quirks {
        names: &["OpenHands CLI ACP Agent", "openhands"],
        tool_name: ToolName::TitleBefore(": "),
        early_content: EarlyContent::Input,
        output: OutputSource::Raw,
        usage: UsageScope::Session,
        foreign_thought: Some("System Prompt:"),
        confirms_all: true,
        odd_options: &["risk_based"],
        cancel_completes: true,
        ..PLAIN
    },
];

/// Returns the quirks of the agent with the reported `name` and the type `agent_type`.
pub(super) fn of(name: Option<&str>, agent_type: &str) -> &'static Quirks {
    let row = |name: &str| TABLE.iter().find(|row| row.names.contains(&name));
    name.and_then(row)
        .or_else(|| row(agent_type))
        .unwrap_or(&PLAIN)
}
