//! The exit codes of `ah`.

/// The exit code of a command. Scripts decide by these numbers, so they are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// The command succeeded.
    Ok = 0,
    /// An error without a code of its own, or a followed session that failed.
    General = 1,
    /// The repository does not exist or cannot be used.
    Repository = 2,
    /// The agent could not be started.
    AgentLaunch = 3,
    /// Authentication or authorisation failed.
    Authentication = 4,
    /// The access point could not be reached.
    Network = 5,
    /// A limit was reached, or the access point has no capacity.
    Resource = 6,
    /// The command line or its input is invalid.
    Validation = 7,
    /// The environment, the configuration or the state folder is invalid.
    Configuration = 8,
    /// An interactive answer is required, but standard input is not a terminal.
    InteractionRequired = 10,
    /// The followed session was stopped.
    Stopped = 11,
    /// The followed session was cancelled.
    Cancelled = 12,
    /// The command detached; the followed session keeps running.
    Detached = 13,
}

impl ExitCode {
    /// All codes, in order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Ok,
        Self::General,
        Self::Repository,
        Self::AgentLaunch,
        Self::Authentication,
        Self::Network,
        Self::Resource,
        Self::Validation,
        Self::Configuration,
        Self::InteractionRequired,
        Self::Stopped,
        Self::Cancelled,
        Self::Detached,
    ];

    /// Returns the number that the shell sees.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// Returns the description for the help.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "the command succeeded",
            Self::General => "other error, or a followed session failed",
            Self::Repository => "the repository does not exist or cannot be used",
            Self::AgentLaunch => "the agent could not be started",
            Self::Authentication => "authentication or authorization failed",
            Self::Network => "the access point could not be reached",
            Self::Resource => "a limit was reached or no capacity is available",
            Self::Validation => "the command line or its input is invalid",
            Self::Configuration => {
                "the environment, the configuration or the state folder is invalid"
            }
            Self::InteractionRequired => {
                "an interactive answer is required but stdin is not a terminal"
            }
            Self::Stopped => "the followed session was stopped",
            Self::Cancelled => "the followed session was cancelled",
            Self::Detached => "detached; the followed session keeps running",
        }
    }

    /// Returns the first of two codes that is not [`ExitCode::Ok`], for a command that followed
    /// several sessions.
    pub(crate) const fn or(self, other: Self) -> Self {
        match self {
            Self::Ok => other,
            _ => self,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
