//! The version of the GNU C library that a program needs.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::workspace::output_of;

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Returns the highest version of the symbols that `program` links to.
pub(super) fn needed(program: &Path) -> anyhow::Result<Version> {
    let symbols = output_of(Command::new("objdump").arg("-T").arg(program))
        .context("failed to read the symbols of the program; binutils are required")?;
    highest(&symbols).context("the program links to no symbol of glibc")
}

/// Returns the highest version in the output of `objdump -T`. A weak symbol may be absent at run
/// time, so that its version is not needed.
fn highest(symbols: &str) -> Option<Version> {
    let lines = symbols.lines().filter(|line| !line.contains(" w "));
    let words = lines.flat_map(str::split_whitespace);
    words.filter_map(version).max()
}

/// Reads a word such as `(GLIBC_2.17)`.
fn version(word: &str) -> Option<Version> {
    let word = word.trim_matches(['(', ')']).strip_prefix("GLIBC_")?;
    let mut parts = word.split('.');
    Some(Version {
        major: parts.next()?.parse().ok()?,
        minor: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highest_version_is_that_of_a_needed_symbol() {
        let symbols = "
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.2.5) abort
0000000000000000  w   DF *UND*  0000000000000000 (GLIBC_2.36) arc4random
0000000000000000      DF *UND*  0000000000000000  GLIBC_2.30  gettid
0000000000000000      DF *UND*  0000000000000000 (GCC_3.3) _Unwind_GetIP
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.9) pipe2
";
        let found = highest(symbols).map(|version| version.to_string());
        assert_eq!(found.as_deref(), Some("2.30"));
        assert_eq!(highest("no symbols"), None);
    }
}
