//! What the exit codes of `ah` mean.

/// The exit code of a command. The numbers are part of the interface: scripts decide by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// The command did what it was asked.
    Ok = 0,
    /// Something failed that has no code of its own; a followed session that failed.
    General = 1,
    /// The repository is missing, or cannot be used.
    Repository = 2,
    /// The agent could not be started.
    AgentLaunch = 3,
    /// The credential is missing, unknown or not enough.
    Authentication = 4,
    /// The access point could not be reached.
    Network = 5,
    /// A limit was reached, or the access point has no room now.
    Resource = 6,
    /// The command line, or what it gave, is not valid.
    Validation = 7,
    /// The environment or the state folder is not usable.
    Configuration = 8,
    /// A person has to answer, and none can be asked here.
    InteractionRequired = 10,
    /// The followed session was stopped.
    Stopped = 11,
    /// The followed session was cancelled.
    Cancelled = 12,
    /// The command was interrupted and left the session to itself: it goes on.
    Detached = 13,
}

impl ExitCode {
    /// Every code, in order.
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

    /// The number that the shell sees.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// What it means, for the help.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "the command did what it was asked",
            Self::General => "something else failed; a followed session failed",
            Self::Repository => "the repository is missing or cannot be used",
            Self::AgentLaunch => "the agent could not be started",
            Self::Authentication => "the credential is missing, unknown or not enough",
            Self::Network => "the access point could not be reached",
            Self::Resource => "a limit was reached, or there is no room now",
            Self::Validation => "the command line, or what it gave, is not valid",
            Self::Configuration => "the environment or the state folder is not usable",
            Self::InteractionRequired => "a person has to answer, and none can be asked here",
            Self::Stopped => "the followed session was stopped",
            Self::Cancelled => "the followed session was cancelled",
            Self::Detached => "interrupted: the followed session goes on without this command",
        }
    }

    /// The worse of two, for a command that followed several sessions: the first that is not
    /// [`ExitCode::Ok`].
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
