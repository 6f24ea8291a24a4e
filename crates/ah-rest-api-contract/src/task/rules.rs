//! Validation rules of single fields that no derive covers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use validator::ValidationError;

use crate::RepositorySource;

/// The maximum time limit of a task, in milliseconds: 7 days.
pub(super) const TIMEOUT_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// The maximum size of the variables of a task together, in bytes. A program starts with at most
/// 2 MiB of arguments and variables on Linux (execve(2)), and inherits others.
const ENV_BYTES_MAX: usize = 256 * 1024;

fn failed(message: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new("rule").with_message(message.into())
}

pub(super) fn check_source(url: &str) -> Result<(), ValidationError> {
    match RepositorySource::parse(url) {
        // Git sends no query to a server, and lists of repositories would show the tokens in it.
        Ok(RepositorySource::Url(url))
            if url.scheme().starts_with("http")
                && (url.query().is_some() || url.fragment().is_some()) =>
        {
            Err(failed(
                "has a query or a fragment, which git does not use; give a token as the password: \
                 https://user:token@host/path",
            ))
        }
        Ok(_) => Ok(()),
        Err(problem) => Err(failed(problem)),
    }
}

/// Applies the rules of `git check-ref-format` to a branch, and rejects a leading dash.
pub(super) fn check_branch(branch: &str) -> Result<(), ValidationError> {
    let bad_char = |c: char| c.is_control() || " ~^:?*[\\\u{7f}".contains(c);
    let bad_segment = |s: &str| s.is_empty() || s.starts_with('.') || s.ends_with(".lock");
    let bad = branch.len() > 244
        || branch == "@"
        || branch.starts_with('-')
        || branch.ends_with('.')
        || branch.contains("..")
        || branch.contains("@{")
        || branch.chars().any(bad_char)
        || branch.split('/').any(bad_segment);
    if bad {
        Err(failed("is not a branch name"))
    } else {
        Ok(())
    }
}

pub(super) fn check_commit(commit: &str) -> Result<(), ValidationError> {
    let good = (4..=64).contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit());
    if good {
        Ok(())
    } else {
        Err(failed("must be 4 to 64 hexadecimal digits"))
    }
}

pub(crate) fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ValidationError> {
    if labels.len() > 64 {
        return Err(failed("must be at most 64"));
    }
    for (key, value) in labels {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if key.is_empty() || key.len() > 63 || !key.chars().all(good) {
            return Err(failed(format!(
                "has the key `{key}`; keys have 1 to 63 of a-z, A-Z, 0-9, `.`, `_`, `-` and `/`"
            )));
        }
        if value.chars().count() > 256 {
            return Err(failed(format!("has over 256 characters under `{key}`")));
        }
    }
    Ok(())
}

pub(super) fn check_env(env: &BTreeMap<String, String>) -> Result<(), ValidationError> {
    if env.len() > 64 {
        return Err(failed("must be at most 64"));
    }
    for (name, value) in env {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(first) || !name.chars().all(rest) || name.len() > 128 {
            return Err(failed(format!(
                "has `{name}`, which is not a variable's name"
            )));
        }
        if value.len() > 32 * 1024 || value.contains('\0') {
            return Err(failed(format!(
                "has a value under `{name}` that is not valid for a variable"
            )));
        }
    }
    let size: usize = env
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > ENV_BYTES_MAX {
        return Err(failed(format!(
            "has {size} bytes together; at most {ENV_BYTES_MAX}"
        )));
    }
    Ok(())
}

/// Rejects names that cannot be an argument of a program.
pub(super) fn check_argument(text: &str) -> Result<(), ValidationError> {
    if text.chars().any(char::is_control) {
        return Err(failed("must not contain control characters"));
    }
    Ok(())
}
