//! What is wrong with a scenario, and where.

use std::fmt;

/// A place in a scenario's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The way to it from the top, such as `timeline[2].agentEdits.path`; empty at the top.
    pub path: String,
    /// Its line, from 1; `None` when the document did not come as text.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
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

/// A text or value that is not a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// The text is not YAML.
    #[error("scenario is not readable YAML: {message}")]
    Syntax {
        /// What the parser says, with the line and column where it knows them.
        message: String,
    },
    /// The document does not say what a scenario says.
    #[error("scenario is not valid at {place}: {problem}")]
    Invalid {
        /// Where.
        place: Place,
        /// What is expected there, and what was found.
        problem: String,
    },
}
