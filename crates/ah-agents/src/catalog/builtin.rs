//! The table of built-in agents.
//!
//! The values were tested with the versions in `docs/agents.md`. Paths are relative to the user's
//! home. `docs/decisions/0015-homes.md` gives the rules for linked and copied paths.

use ah_rest_api_contract::AgentCapabilities;

/// Agents that run commands in a sandbox of their own, which does not work within another one: they
/// mount file systems in namespaces.
const OWN_SANDBOX: [&str; 1] = ["codex-acp"];

/// Returns true if agents of this type have a sandbox of their own.
#[must_use]
pub fn has_own_sandbox(agent_type: &str) -> bool {
    OWN_SANDBOX.contains(&agent_type)
}

/// A built-in agent, with the fields of a [`super::profile::Profile`].
pub(super) struct Builtin {
    pub(super) agent_type: &'static str,
    pub(super) description: &'static str,
    pub(super) command: &'static [&'static str],
    pub(super) install: &'static str,
    pub(super) distribution: Option<&'static str>,
    pub(super) env: &'static [(&'static str, &'static str)],
    pub(super) env_as_root: &'static [(&'static str, &'static str)],
    pub(super) passed: &'static [&'static str],
    pub(super) home: BuiltinHome,
    pub(super) model: Model,
    pub(super) capabilities: AgentCapabilities,
}

/// The state of a built-in agent, with the fields of a [`crate::HomePlan`].
pub(super) struct BuiltinHome {
    pub(super) own: &'static [&'static str],
    pub(super) linked: &'static [&'static str],
    pub(super) renewed: &'static [&'static str],
    pub(super) copied: &'static [&'static str],
    pub(super) variables: &'static [(&'static str, &'static str)],
    pub(super) unmoved: &'static [(&'static str, &'static str)],
}

/// The model selection of a built-in agent, a [`super::profile::ModelChoice`].
#[derive(Clone, Copy)]
pub(super) enum Model {
    Argument(&'static str),
    Variable(&'static str),
    Protocol,
    Elsewhere(&'static str),
}

/// The capabilities common to all of them. ACP has no prompts during a turn.
const EVERYTHING: AgentCapabilities = AgentCapabilities {
    resume: true,
    steer: false,
    permissions: true,
    images: true,
    usage: true,
};

/// Every built-in agent except for the scenario agent, by type.
pub(super) const ALL: [Builtin; 9] = [
    CLAUDE_ACP, CODEX_ACP, COPILOT, GEMINI, KIMI, OPENCODE, OPENHANDS, QWEN, VIBE,
];

const CLAUDE_ACP: Builtin = Builtin {
    agent_type: "claude-acp",
    description: "Claude Code, through its adapter claude-agent-acp",
    command: &["claude-agent-acp"],
    install: "npm install -g @agentclientprotocol/claude-agent-acp",
    distribution: None,
    env: &[
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
    ],
    // As root it refuses to start unless this variable declares an isolated environment.
    env_as_root: &[("IS_SANDBOX", "1")],
    passed: &[
        "ANTHROPIC_*",
        "CLAUDE_CODE_EXECUTABLE",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_SKIP_*",
        "CLAUDE_CODE_USE_*",
        "CLAUDE_MODEL_CONFIG",
    ],
    home: BuiltinHome {
        own: &[".claude"],
        linked: &[
            ".claude/.credentials.json",
            ".claude/CLAUDE.md",
            ".claude/agents",
            ".claude/commands",
            ".claude/plugins",
            ".claude/rules",
            ".claude/skills",
        ],
        renewed: &[".claude/.credentials.json"],
        copied: &[".claude/.claude.json", ".claude/settings.json"],
        variables: &[("CLAUDE_CONFIG_DIR", ".claude")],
        // Its location while CLAUDE_CONFIG_DIR is not set.
        unmoved: &[(".claude/.claude.json", ".claude.json")],
    },
    model: Model::Protocol,
    capabilities: EVERYTHING,
};

const CODEX_ACP: Builtin = Builtin {
    agent_type: "codex-acp",
    description: "Codex, through its adapter codex-acp",
    command: &["codex-acp"],
    install: "npm install -g @agentclientprotocol/codex-acp",
    distribution: None,
    // A server cannot log in with a browser.
    env: &[("NO_BROWSER", "1")],
    env_as_root: &[],
    passed: &["CODEX_API_KEY", "CODEX_CONFIG", "CODEX_PATH", "OPENAI_*"],
    home: BuiltinHome {
        own: &[".codex"],
        linked: &[
            ".codex/AGENTS.md",
            ".codex/auth.json",
            ".codex/prompts",
            ".codex/rules",
            ".codex/skills",
        ],
        renewed: &[".codex/auth.json"],
        copied: &[".codex/config.toml"],
        variables: &[("CODEX_HOME", ".codex")],
        unmoved: &[],
    },
    model: Model::Protocol,
    capabilities: EVERYTHING,
};

const COPILOT: Builtin = Builtin {
    agent_type: "copilot",
    description: "GitHub Copilot CLI",
    command: &["copilot", "--acp"],
    install: "npm install -g @github/copilot",
    distribution: None,
    env: &[("COPILOT_AUTO_UPDATE", "false")],
    env_as_root: &[],
    // COPILOT_ALLOW_ALL is excluded, because it would bypass the task's permission policy.
    passed: &[
        "COPILOT_CUSTOM_INSTRUCTIONS_DIRS",
        "COPILOT_GH_HOST",
        "COPILOT_GITHUB_TOKEN",
        "COPILOT_MODEL",
        "COPILOT_OFFLINE",
        "COPILOT_PROVIDER_*",
    ],
    home: BuiltinHome {
        own: &[".copilot"],
        linked: &[
            ".copilot/agents",
            ".copilot/copilot-instructions.md",
            ".copilot/installed-plugins",
            ".copilot/skills",
        ],
        renewed: &[],
        copied: &[
            ".copilot/config.json",
            ".copilot/lsp-config.json",
            ".copilot/mcp-config.json",
            ".copilot/settings.json",
        ],
        variables: &[("COPILOT_HOME", ".copilot")],
        unmoved: &[],
    },
    model: Model::Variable("COPILOT_MODEL"),
    capabilities: EVERYTHING,
};

const GEMINI: Builtin = Builtin {
    agent_type: "gemini",
    description: "Gemini CLI",
    // A new workspace cannot be in the user's list of trusted folders.
    command: &["gemini", "--acp", "--skip-trust"],
    install: "npm install -g @google/gemini-cli",
    distribution: None,
    env: &[],
    env_as_root: &[],
    passed: &["GEMINI_API_KEY", "GEMINI_MODEL", "GEMINI_SANDBOX"],
    home: BuiltinHome {
        own: &[".gemini"],
        linked: &[
            ".gemini/GEMINI.md",
            ".gemini/agents",
            ".gemini/commands",
            ".gemini/extensions",
            ".gemini/gemini-credentials.json",
            ".gemini/google_accounts.json",
            ".gemini/installation_id",
            ".gemini/oauth_creds.json",
            ".gemini/policies",
            ".gemini/skills",
        ],
        renewed: &[
            ".gemini/gemini-credentials.json",
            ".gemini/google_accounts.json",
            ".gemini/oauth_creds.json",
        ],
        copied: &[
            ".gemini/.env",
            ".gemini/settings.json",
            ".gemini/trustedFolders.json",
        ],
        // The parent folder of `.gemini`.
        variables: &[("GEMINI_CLI_HOME", "")],
        unmoved: &[],
    },
    model: Model::Argument("--model"),
    // The agent does not find sessions that it has just written.
    capabilities: AgentCapabilities {
        resume: false,
        ..EVERYTHING
    },
};

const KIMI: Builtin = Builtin {
    agent_type: "kimi",
    description: "Kimi Code",
    command: &["kimi", "acp"],
    install: "npm install -g @moonshot-ai/kimi-code",
    distribution: None,
    env: &[("KIMI_CODE_NO_AUTO_UPDATE", "1")],
    env_as_root: &[],
    passed: &["KIMI_*", "MOONSHOT_*"],
    home: BuiltinHome {
        own: &[".kimi-code"],
        linked: &[
            ".kimi-code/AGENTS.md",
            ".kimi-code/agents",
            ".kimi-code/bin",
            ".kimi-code/credentials",
            ".kimi-code/device_id",
            ".kimi-code/skills",
        ],
        renewed: &[".kimi-code/credentials"],
        copied: &[".kimi-code/config.toml", ".kimi-code/mcp.json"],
        variables: &[("KIMI_CODE_HOME", ".kimi-code")],
        unmoved: &[],
    },
    model: Model::Protocol,
    capabilities: AgentCapabilities {
        usage: false,
        ..EVERYTHING
    },
};

const OPENCODE: Builtin = Builtin {
    agent_type: "opencode",
    description: "opencode",
    command: &["opencode", "acp"],
    install: "npm install -g opencode-ai",
    distribution: None,
    env: &[
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_SHARE", "1"),
    ],
    env_as_root: &[],
    // OPENCODE_PERMISSION is excluded, because it would bypass the task's permission policy.
    passed: &[
        "ANTHROPIC_*",
        "DASHSCOPE_*",
        "GEMINI_API_KEY",
        "LLM_*",
        "MISTRAL_*",
        "MOONSHOT_*",
        "OPENAI_*",
        "OPENCODE_API_KEY",
        "OPENCODE_AUTH_CONTENT",
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_CONTENT",
        "OPENCODE_CONFIG_DIR",
        "OPENCODE_DISABLE_*",
        "OPENCODE_MODELS_*",
    ],
    home: BuiltinHome {
        // It writes beside its configuration, too.
        own: &[
            ".config/opencode",
            ".local/share/opencode",
            ".local/state/opencode",
        ],
        linked: &[
            ".config/opencode/AGENTS.md",
            ".config/opencode/agent",
            ".config/opencode/agents",
            ".config/opencode/command",
            ".config/opencode/commands",
            ".config/opencode/plugin",
            ".config/opencode/plugins",
            ".config/opencode/skills",
            ".local/share/opencode/auth.json",
            ".local/share/opencode/bin",
            ".local/share/opencode/mcp-auth.json",
        ],
        renewed: &[
            ".local/share/opencode/auth.json",
            ".local/share/opencode/mcp-auth.json",
        ],
        copied: &[
            ".config/opencode/config.json",
            ".config/opencode/opencode.json",
            ".config/opencode/opencode.jsonc",
        ],
        variables: &[],
        unmoved: &[],
    },
    model: Model::Protocol,
    capabilities: EVERYTHING,
};

const OPENHANDS: Builtin = Builtin {
    agent_type: "openhands",
    description: "OpenHands",
    command: &["openhands", "acp"],
    install: "uv tool install --python 3.12 openhands",
    distribution: Some("openhands"),
    // Uses the included price list instead of downloading one.
    env: &[("LITELLM_LOCAL_MODEL_COST_MAP", "True")],
    env_as_root: &[],
    passed: &["LLM_*"],
    home: BuiltinHome {
        own: &[".openhands"],
        linked: &[
            ".openhands/hooks.json",
            ".openhands/microagents",
            ".openhands/skills",
        ],
        renewed: &[],
        copied: &[
            ".openhands/agent_settings.json",
            ".openhands/cli_config.json",
            ".openhands/mcp.json",
        ],
        variables: &[("OPENHANDS_PERSISTENCE_DIR", ".openhands")],
        unmoved: &[],
    },
    model: Model::Elsewhere("must be set in ~/.openhands/agent_settings.json for `openhands`"),
    capabilities: AgentCapabilities {
        usage: false,
        ..EVERYTHING
    },
};

const QWEN: Builtin = Builtin {
    agent_type: "qwen",
    description: "Qwen Code",
    command: &["qwen", "--acp"],
    install: "npm install -g @qwen-code/qwen-code",
    distribution: None,
    env: &[],
    env_as_root: &[],
    passed: &[
        "DASHSCOPE_*",
        "OPENAI_*",
        "QWEN_DEFAULT_AUTH_TYPE",
        "QWEN_MODEL",
    ],
    home: BuiltinHome {
        own: &[".qwen"],
        linked: &[
            ".qwen/QWEN.md",
            ".qwen/agents",
            ".qwen/commands",
            ".qwen/extensions",
            ".qwen/oauth_creds.json",
            ".qwen/skills",
        ],
        renewed: &[".qwen/oauth_creds.json"],
        copied: &[".qwen/.env", ".qwen/settings.json"],
        variables: &[("QWEN_HOME", ".qwen")],
        unmoved: &[],
    },
    model: Model::Argument("--model"),
    capabilities: AgentCapabilities {
        usage: false,
        ..EVERYTHING
    },
};

const VIBE: Builtin = Builtin {
    agent_type: "vibe",
    description: "Mistral Vibe",
    command: &["vibe-acp"],
    install: "uv tool install --python 3.12 mistral-vibe",
    distribution: Some("mistral-vibe"),
    env: &[
        ("VIBE_ENABLE_AUTO_UPDATE", "false"),
        ("VIBE_ENABLE_TELEMETRY", "false"),
        ("VIBE_ENABLE_UPDATE_CHECKS", "false"),
    ],
    env_as_root: &[],
    passed: &["MISTRAL_*", "VIBE_*"],
    home: BuiltinHome {
        own: &[".vibe"],
        linked: &[
            ".vibe/.env",
            ".vibe/agents",
            ".vibe/prompts",
            ".vibe/skills",
            ".vibe/tools",
        ],
        renewed: &[".vibe/.env"],
        copied: &[".vibe/config.toml", ".vibe/trusted_folders.toml"],
        variables: &[("VIBE_HOME", ".vibe")],
        unmoved: &[],
    },
    model: Model::Protocol,
    capabilities: EVERYTHING,
};
