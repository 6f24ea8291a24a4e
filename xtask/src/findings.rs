//! What the rules have to say, each with the place it is about.

use std::fmt::Display;

use anyhow::bail;

/// What a set of rules found. None is good.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    /// Notes one, about `place`: a file, a file with a line, or a package.
    pub(crate) fn add(&mut self, place: impl Display, what: impl Display) {
        self.0.push(format!("{place}: {what}"));
    }

    /// The findings as they were noted.
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
