//! The failure of a command, as shown to the user.

use std::error::Error;
use std::fmt;
use std::io;

use ah_rest_api_contract::{ErrorKind, FieldErrors, TaskManagerError};

use crate::exit_code::ExitCode;
use crate::variables::AH_API_KEY;

/// The failure of a command: a message, hints and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hints: Vec<String>,
    code: ExitCode,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_broken_pipe: bool,
}

impl Failure {
    /// Creates a failure with this exit code.
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            code,
            source: None,
            is_broken_pipe: false,
        }
    }

    /// Creates a failure without an exit code of its own.
    pub(crate) fn general(message: impl Into<String>) -> Self {
        Self::new(ExitCode::General, message)
    }

    /// Creates a failure for invalid input on the command line.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Validation, message)
    }

    /// Creates a failure for an invalid environment or state folder.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Configuration, message)
    }

    /// Creates a failure for an error of standard output. A broken pipe is not reported, since a
    /// reader may close it at any time.
    pub(crate) fn writing(error: io::Error) -> Self {
        Self {
            is_broken_pipe: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::general("failed to write to standard output").caused_by(error)
        }
    }

    /// Adds a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Replaces the hints of the error's kind by a more specific one.
    pub(crate) fn hint_instead(mut self, hint: impl Into<String>) -> Self {
        self.hints = vec![hint.into()];
        self
    }

    /// Adds the cause.
    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the hints.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns the failure as a JSON object: the message, the hints, the exit code, and the problem of
    /// the access point, if it has one.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let problem = self
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref::<TaskManagerError>())
            .map(TaskManagerError::problem);
        serde_json::json!({
            "error": {
                "message": self.message,
                "hints": self.hints,
                "exitCode": self.code.number(),
                "problem": problem,
            }
        })
    }

    /// Returns the exit code of the command.
    pub(crate) const fn code(&self) -> ExitCode {
        self.code
    }

    /// Returns true if the reader of standard output has closed it.
    pub(crate) const fn is_broken_pipe(&self) -> bool {
        self.is_broken_pipe
    }

    /// Returns the cause.
    pub(crate) fn cause(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref();
        source.map(|source| source as &(dyn Error + 'static))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<TaskManagerError> for Failure {
    fn from(error: TaskManagerError) -> Self {
        let problem = error.problem();
        let kind = error.kind();
        let message = if kind == ErrorKind::Validation && !problem.errors.is_empty() {
            in_terms_of_options(&problem.errors)
        } else if kind == ErrorKind::Unauthenticated {
            // The server's words are about HTTP.
            "the access point requires a valid API key".to_owned()
        } else {
            error.to_string()
        };
        let mut failure = Self::new(code_of(kind, &problem.errors), message);
        failure.hints.extend(hints_for(kind, &problem.errors));
        if let Some(request) = &problem.request_id {
            failure.hints.push(format!("the request ID is {request}"));
        }
        failure.caused_by(error)
    }
}

impl From<FieldErrors> for Failure {
    fn from(errors: FieldErrors) -> Self {
        TaskManagerError::from(errors).into()
    }
}

fn code_of(kind: ErrorKind, errors: &FieldErrors) -> ExitCode {
    match kind {
        // A wrong branch or commit is a wrong option, not an unusable repository.
        ErrorKind::Validation
            if concerns(errors, "repo")
                && !concerns(errors, "repo.branch")
                && !concerns(errors, "repo.commit") =>
        {
            ExitCode::Repository
        }
        ErrorKind::Validation if is_not_installed(errors) => ExitCode::AgentLaunch,
        ErrorKind::Validation
        | ErrorKind::BadRequest
        | ErrorKind::PayloadTooLarge
        | ErrorKind::IdempotencyMismatch => ExitCode::Validation,
        ErrorKind::Unauthenticated | ErrorKind::Unauthorized | ErrorKind::Forbidden => {
            ExitCode::Authentication
        }
        ErrorKind::Unreachable => ExitCode::Network,
        ErrorKind::RateLimited | ErrorKind::Unavailable => ExitCode::Resource,
        _ => ExitCode::General,
    }
}

/// Returns true if every invalid field is `field` or within it.
fn concerns(errors: &FieldErrors, field: &str) -> bool {
    !errors.is_empty()
        && errors.iter().all(|(path, _)| {
            path.strip_prefix(field)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
}

/// Returns true if the only fault is an agent whose program is missing.
fn is_not_installed(errors: &FieldErrors) -> bool {
    let says = |message: &String| message.contains("is not installed");
    !errors.is_empty()
        && errors
            .iter()
            .all(|(path, messages)| path.ends_with(".type") && messages.iter().all(says))
}

fn hints_for(kind: ErrorKind, errors: &FieldErrors) -> Vec<String> {
    let hint = match kind {
        ErrorKind::Validation => {
            let agent_is_wrong = errors.iter().any(|(path, _)| path.ends_with(".type"));
            return if agent_is_wrong {
                vec!["`ah agents` lists the available agents".to_owned()]
            } else {
                Vec::new()
            };
        }
        ErrorKind::Unauthenticated => {
            return vec![format!(
                "set {} to the server's key, `apiKey` in its access-point.json",
                AH_API_KEY.name
            )];
        }
        ErrorKind::NotFound => "`ah session list` lists the sessions",
        ErrorKind::Conflict => "`ah session get` shows the status of the session",
        ErrorKind::Gone => "the session has ended; start a new one with `ah task`",
        ErrorKind::Unavailable | ErrorKind::RateLimited => "retry the command later",
        ErrorKind::Unreachable => "check the access point's address and that it is running",
        ErrorKind::Incompatible => "`ah --version` shows the version of this client",
        ErrorKind::Internal => "`--log-level debug` shows the cause",
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

/// Describes invalid fields by the names of the corresponding options.
fn in_terms_of_options(errors: &FieldErrors) -> String {
    let mut sentences = Vec::new();
    // With one agent, the limit on all agents together adds nothing.
    let count_is_wrong = errors.iter().any(|(path, _)| path.ends_with(".count"));
    for (path, messages) in errors.iter() {
        if count_is_wrong && path == "agents" {
            continue;
        }
        let subject = option_for(path).map_or_else(|| format!("`{path}`"), str::to_owned);
        for message in messages {
            // Some messages are complete sentences that name their subject.
            sentences.push(if message.starts_with("unknown agent ") {
                message.clone()
            } else {
                format!("{subject} {message}")
            });
        }
    }
    sentences.join("; ")
}

fn option_for(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix("agents[0].").unwrap_or(path);
    Some(match path {
        "prompt" => "the prompt",
        "repo" | "repo.url" => "--repo",
        "repo.branch" => "--branch",
        "repo.commit" => "--commit",
        "type" => "--agent",
        "model" => "--model",
        "count" => "--instances",
        "settings" | "settings.scenario" => "--scenario",
        "labels" => "--label",
        "timeoutMs" => "--timeout",
        "context" => "--context",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_by_their_options() {
        let mut errors = FieldErrors::default();
        errors.add("agents", "must launch at most 200 sessions");
        errors.add("agents[0].count", "must be from 1 to 100");
        errors.add("repo.branch", "is not a branch name");
        let failure = Failure::from(errors);
        assert_eq!(
            failure.to_string(),
            "--instances must be from 1 to 100; --branch is not a branch name"
        );
        assert_eq!(failure.code, ExitCode::Validation);
    }

    #[test]
    fn repository_errors_have_their_own_exit_code() {
        let failure = Failure::from(FieldErrors::of("repo.url", "is not a git repository"));
        assert_eq!(failure.code, ExitCode::Repository);
        for field in ["repo.branch", "repo.commit"] {
            let failure = Failure::from(FieldErrors::of(field, "is wrong"));
            assert_eq!(failure.code, ExitCode::Validation, "{field}");
        }
    }

    #[test]
    fn missing_agent_program_has_the_exit_code_of_a_failed_start() {
        let missing = "`claude-acp` is not installed: there is no program `x` in PATH";
        let failure = Failure::from(FieldErrors::of("agents[0].type", missing));
        assert_eq!(failure.code, ExitCode::AgentLaunch);
    }

    #[test]
    fn unknown_agent_error_has_a_hint() {
        let failure = Failure::from(FieldErrors::of("agents[0].type", "is not configured"));
        assert_eq!(failure.hints, ["`ah agents` lists the available agents"]);
    }

    #[test]
    fn sentences_stay_unchanged() {
        let errors = FieldErrors::of("agents[0].type", "unknown agent `x`");
        assert_eq!(Failure::from(errors).to_string(), "unknown agent `x`");
    }

    #[test]
    fn every_error_kind_has_a_nonzero_exit_code() {
        for kind in ErrorKind::ALL {
            let failure = Failure::from(TaskManagerError::new(kind, "it failed"));
            assert_ne!(failure.code, ExitCode::Ok, "{kind:?}");
        }
    }

    #[test]
    fn failure_as_json_has_the_problem_of_the_access_point() {
        let json = Failure::validation("no").hint("do").to_json();
        let expected = serde_json::json!({
            "error": { "message": "no", "hints": ["do"], "exitCode": 7, "problem": null }
        });
        assert_eq!(json, expected);
        let error = TaskManagerError::new(ErrorKind::NotFound, "it is gone");
        let json = Failure::from(error).to_json();
        assert_eq!(
            json["error"]["problem"]["type"], "/errors/not-found",
            "{json}"
        );
    }

    #[test]
    fn broken_pipe_is_not_reported() {
        let failure = Failure::writing(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(failure.is_broken_pipe);
        assert!(!Failure::writing(io::Error::other("disk full")).is_broken_pipe);
    }
}
