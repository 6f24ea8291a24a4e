//! Errors in scenarios, with their place in the document.

use std::fmt;

/// A place in a scenario's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// Its path from the top, such as `timeline[2].agentEdits.path`; empty at the top.
    pub path: String,
    /// Its line, from 1; `None` if the document was not text.
    pub line: Option<u64>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str("the top level")?;
        } else {
            write!(f, "`{}`", self.path)?;
        }
        match self.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

/// A text or value that is not a valid scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The text is not YAML.
    #[error("scenario is not readable YAML: {message}")]
    Syntax {
        /// The parser's message, with line and column if known.
        message: String,
    },
    /// The document does not match the format of scenarios.
    #[error("scenario is not valid at {place}: {problem}")]
    Invalid {
        /// The place.
        place: Location,
        /// The expected and the found value.
        problem: String,
    },
}
