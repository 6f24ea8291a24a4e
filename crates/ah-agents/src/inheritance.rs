//! The environment variables that an agent inherits.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

/// The variables that an agent does not inherit. It inherits everything else, because it builds and
/// tests with the user's tools.
///
/// A pattern is the name of a variable, or a prefix followed by `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inheritance {
    /// The withheld patterns.
    pub withheld: Vec<String>,
    /// The patterns that are inherited although withheld.
    pub passed: Vec<String>,
}

impl Inheritance {
    /// Returns true if the agent inherits the variable.
    #[must_use]
    pub fn admits(&self, name: &OsStr) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        any(&self.passed) || !any(&self.withheld)
    }

    /// Returns those of `names` that the agent does not inherit.
    pub fn refused(
        &self,
        names: impl IntoIterator<Item = OsString>,
    ) -> impl Iterator<Item = OsString> {
        names.into_iter().filter(|name| !self.admits(name))
    }
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.as_bytes().starts_with(beginning.as_bytes()),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_variables_override_withheld_ones() {
        let inherits = Inheritance {
            withheld: vec!["CLAUDE*".into(), "AH_API_KEY".into()],
            passed: vec!["CLAUDE_CODE_OAUTH_TOKEN".into()],
        };
        let names = [
            "PATH",
            "CLAUDECODE",
            "CLAUDE_CODE_ENTRYPOINT",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "AH_API_KEY",
            "AH_API_KEYS",
        ];
        let refused: Vec<OsString> = inherits.refused(names.map(OsString::from)).collect();
        assert_eq!(
            refused,
            ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AH_API_KEY"]
        );
    }

    #[test]
    fn only_listed_variables_are_withheld() {
        assert!(Inheritance::default().admits(OsStr::new("CLAUDECODE")));
    }
}
