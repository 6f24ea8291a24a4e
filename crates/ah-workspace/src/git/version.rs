//! The supported versions of git.

use crate::WorkspaceError;

/// The minimum version of git, as major and minor: the first one with `worktree add --lock
/// --reason` and `safe.directory`.
pub const GIT_VERSION_MIN: (u32, u32) = (2, 36);

/// Checks the output of `git version`.
pub(super) fn check(printed: &str) -> Result<(), WorkspaceError> {
    let found = printed.strip_prefix("git version ").unwrap_or(printed);
    let mut numbers = found.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= GIT_VERSION_MIN => Ok(()),
        _ => Err(WorkspaceError::GitTooOld {
            found: found.chars().take(64).collect(),
            minimum: GIT_VERSION_MIN,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn versions_are_compared_numerically() {
        for good in [
            "git version 2.36.0",
            "git version 2.47.3 (Apple Git-1)",
            "git version 10.0.1",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "git version 2.9.9",
            "git version 1.99.0",
            "",
            "git version 2",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
