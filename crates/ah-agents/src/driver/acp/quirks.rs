//! Where agents that speak the same protocol do not behave alike. Each row was measured with the
//! program and version that it names; an agent that has no row is taken to do what ACP says.

/// What is to be known of one agent.
#[derive(Debug)]
pub(super) struct Quirks {
    /// The names that the program gives itself (`agentInfo.name`), or that tasks choose it by.
    pub(super) names: &'static [&'static str],
    /// Where the name of a tool is told.
    pub(super) tool_name: ToolName,
    /// When it is known what a tool is given.
    pub(super) input_known: InputKnown,
    /// What the content of a tool call is while the tool runs.
    pub(super) early_content: EarlyContent,
    /// Where a tool's output is told.
    pub(super) output: Output,
    /// How a command's exit code is told in words.
    pub(super) exit_words: Option<ExitWords>,
    /// How a last line of the output begins that is not the tool's.
    pub(super) output_trailer: Option<&'static str>,
    /// What is counted by the usage that ends a turn.
    pub(super) usage: UsageScope,
    /// How a message begins that is an error which the turn's end does not tell.
    pub(super) error_message: Option<&'static str>,
    /// How a thought begins that is not the agent's.
    pub(super) foreign_thought: Option<&'static str>,
    /// Whether a permission request is for every tool call that is open, and names none.
    pub(super) confirms_all: bool,
    /// Whether a turn that was cancelled ends as if it were completed.
    pub(super) cancel_completes: bool,
}

/// Where the name of a tool is told, besides the fields that are looked at in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolName {
    /// Nowhere: a tool goes by its kind.
    Kind,
    /// The title that it is announced with.
    FirstTitle,
    /// What stands before this in its title.
    TitleBefore(&'static str),
    /// What stands before this in the id of the call.
    IdBefore(&'static str),
}

/// When it is known what a tool is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputKnown {
    /// As soon as it is told, or the tool runs.
    WhenTold,
    /// Not before the tool runs.
    WhenRunning,
    /// Not before it is told, though the tool runs.
    OnlyWhenTold,
}

/// What the content of a tool call is while the tool runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EarlyContent {
    /// What the tool has printed so far.
    Output,
    /// What it was given.
    Input,
}

/// Where a tool's output is looked for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// In the content of the call.
    Content,
    /// In its `rawOutput`.
    Raw,
}

/// How a command's exit code is told in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExitWords {
    /// What stands before the number, at the start of a line.
    pub(super) before: &'static str,
    /// Which line it is.
    pub(super) line: ExitLine,
    /// Whether a command that is told to be completed has exited with 0.
    pub(super) completed_is_zero: bool,
}

/// Which line tells an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExitLine {
    /// The first of the output, to which it does not belong.
    First,
    /// The last of the output, to which it does not belong.
    Last,
    /// Any of the content, which is not the output.
    Content,
}

/// What is counted by the usage that ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageScope {
    /// The turn.
    Turn,
    /// The session so far.
    Session,
    /// The last request to the model: the least that the turn has used.
    LastRequest,
}

/// What ACP says. Codex does it, by either adapter (codex-acp 2.6 and 0.16).
static PLAIN: Quirks = Quirks {
    names: &[],
    tool_name: ToolName::Kind,
    input_known: InputKnown::WhenTold,
    early_content: EarlyContent::Output,
    output: Output::Content,
    exit_words: None,
    output_trailer: None,
    usage: UsageScope::Turn,
    error_message: None,
    foreign_thought: None,
    confirms_all: false,
    cancel_completes: false,
};

static TABLE: [Quirks; 8] = [
    // opencode 1.18. A call is announced before its input is there (`bash` with nothing but the
    // folder it runs in), and its first title is the tool's name.
    Quirks {
        names: &["OpenCode", "opencode"],
        tool_name: ToolName::FirstTitle,
        input_known: InputKnown::WhenRunning,
        usage: UsageScope::LastRequest,
        ..PLAIN
    },
    // Copilot CLI 1.0. A model that refuses is a message and a completed turn. A command's output
    // ends with a line of its own making, `<shellId: 1 completed with exit code 3>`.
    Quirks {
        names: &["Copilot", "copilot"],
        output_trailer: Some("<shellId: "),
        usage: UsageScope::Session,
        error_message: Some("Error: "),
        ..PLAIN
    },
    // Gemini CLI 0.61. A call that needs leave is never announced, only asked for, and a command's
    // output is not told at all. The id of a call begins with the tool: `write_file__…`.
    Quirks {
        names: &["gemini-cli", "gemini"],
        tool_name: ToolName::IdBefore("__"),
        ..PLAIN
    },
    // Claude Code by claude-agent-acp 0.49. Content is wrapped in Markdown fences; the bare text
    // is in `rawOutput`. A command that failed begins its output with `Exit code 3`.
    Quirks {
        names: &["@agentclientprotocol/claude-agent-acp", "claude-acp"],
        output: Output::Raw,
        exit_words: Some(ExitWords {
            before: "Exit code ",
            line: ExitLine::First,
            completed_is_zero: true,
        }),
        ..PLAIN
    },
    // Kimi Code 2.1. While a call is made its content is the JSON that the tool is given, as far
    // as it has come. A command that failed ends its output with words of Kimi's.
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
    // Qwen Code 0.15. The content of a command is a report in prose; its output alone is in
    // `rawOutput`.
    Quirks {
        names: &["qwen-code", "qwen"],
        output: Output::Raw,
        exit_words: Some(ExitWords {
            before: "Exit Code: ",
            line: ExitLine::Content,
            completed_is_zero: false,
        }),
        ..PLAIN
    },
    // Mistral Vibe 3.0. The usage of a turn counts from the start of the session.
    Quirks {
        names: &["@mistralai/mistral-vibe", "mistral-vibe", "vibe"],
        usage: UsageScope::Session,
        ..PLAIN
    },
    // OpenHands CLI 1.16. Its own instructions come as a thought; the content of a call retells
    // its input, then wraps its output; leave is asked for whatever is open, under an id of its
    // own; and a turn that was cancelled ends late, as a completed one.
    Quirks {
        names: &["OpenHands CLI ACP Agent", "openhands"],
        tool_name: ToolName::TitleBefore(": "),
        early_content: EarlyContent::Input,
        output: Output::Raw,
        usage: UsageScope::Session,
        foreign_thought: Some("System Prompt:"),
        confirms_all: true,
        cancel_completes: true,
        ..PLAIN
    },
];

/// What is to be known of the agent that gives itself `name`, and that tasks choose as
/// `agent_type`.
pub(super) fn of(name: Option<&str>, agent_type: &str) -> &'static Quirks {
    let row = |name: &str| TABLE.iter().find(|row| row.names.contains(&name));
    name.and_then(row)
        .or_else(|| row(agent_type))
        .unwrap_or(&PLAIN)
}
