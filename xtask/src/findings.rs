//! Findings of the rules, each with its place.

use std::fmt::Display;

use anyhow::bail;

/// The findings of a set of rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    /// Adds a finding about `place`: a file, a file with a line, or a package.
    pub(crate) fn add(&mut self, place: impl Display, what: impl Display) {
        self.0.push(format!("{place}: {what}"));
    }

    /// The findings in order.
    #[cfg(test)]
    pub(crate) fn lines(&self) -> &[String] {
        &self.0
    }

    /// Prints the findings and fails if there are any.
    pub(crate) fn conclude(self) -> anyhow::Result<()> {
        for finding in &self.0 {
            eprintln!("  {finding}");
        }
        match self.0.len() {
            0 => Ok(()),
            1 => bail!("one rule is broken"),
            many => bail!("{many} rules are broken"),
        }
    }
}
