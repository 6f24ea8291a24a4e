//! The environment variables of `ah`, declared once with their help.

/// An environment variable and its help text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// Its purpose, in one sentence.
    pub(crate) help: &'static str,
}

/// The state folder.
pub(crate) const AH_HOME: Variable = Variable {
    name: "AH_HOME",
    help: "the state folder [default: $XDG_STATE_HOME/agent-harbor, otherwise \
           ~/.local/state/agent-harbor]",
};
/// The default agent.
pub(crate) const AH_AGENT: Variable = Variable {
    name: "AH_AGENT",
    help: "the agent for tasks that name none [default: the first installed one]",
};
/// The maximum number of running sessions.
pub(crate) const AH_MAX_CONCURRENT_TASKS: Variable = Variable {
    name: "AH_MAX_CONCURRENT_TASKS",
    help: "the maximum number of running sessions; others are queued [default: 16]",
};
/// The log filter of standard error.
pub(crate) const AH_LOG: Variable = Variable {
    name: "AH_LOG",
    help: "the log filter of standard error: a level, or a list of target=level [default: error]",
};
/// The URL of the access point to use.
pub(crate) const AH_REMOTE_SERVER: Variable = Variable {
    name: "AH_REMOTE_SERVER",
    help: "the URL of the access point to use, or `none` [default: the one running on AH_HOME]",
};
/// The key for [`AH_REMOTE_SERVER`].
pub(crate) const AH_API_KEY: Variable = Variable {
    name: "AH_API_KEY",
    help: "the API key for the access point in --remote-server or AH_REMOTE_SERVER",
};
const NO_COLOR: Variable = Variable {
    name: "NO_COLOR",
    help: "disables colours if set",
};

/// All variables, in the order of the help.
pub(crate) const ALL: [Variable; 7] = [
    AH_HOME,
    AH_AGENT,
    AH_MAX_CONCURRENT_TASKS,
    AH_REMOTE_SERVER,
    AH_API_KEY,
    AH_LOG,
    NO_COLOR,
];
