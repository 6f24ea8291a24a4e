//! The identity of commits by agents of users who have not configured one.

use super::GitSettings;
use crate::git::{EMAIL, NAME};

type Values = Vec<(&'static str, Option<String>)>;

/// Returns the settings that complete the identity of `settings`, and a sentence about them. Git
/// would make up an identity from the names of the account and of the host, or refuse to commit.
/// `has_email` is true if the environment of the agent has an address.
pub(super) fn fallback(settings: &GitSettings, has_email: bool) -> (Values, Option<String>) {
    let is_set = |field: &str| {
        let has = |who: &str| settings.text(&format!("{who}.{field}")).is_some();
        has("user") || has("author") && has("committer")
    };
    let mut missing = Values::new();
    if !is_set("name") {
        missing.push(("user.name", Some(NAME.to_owned())));
    }
    if !is_set("email") && !has_email {
        missing.push(("user.email", Some(EMAIL.to_owned())));
    }
    if missing.is_empty() {
        return (missing, None);
    }
    if settings.is_true("user.useconfigonly") {
        let note = "No identity is configured, and `user.useConfigOnly` demands one, so commits in \
                    the workspace fail. Set `user.name` and `user.email` with git-config(1).";
        return (Values::new(), Some(note.to_owned()));
    }
    let words: Vec<String> = missing
        .iter()
        .filter_map(|(name, value)| Some(format!("`{name}` is `{}`", value.as_ref()?)))
        .collect();
    let note = format!(
        "The identity for commits is not configured, so in the workspace {}.",
        words.join(" and ")
    );
    (missing, Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(printed: &[&str], has_email: bool) -> (Vec<&'static str>, Option<String>) {
        let printed: String = printed
            .iter()
            .map(|setting| format!("global\0{}\0", setting.replacen('=', "\n", 1)))
            .collect();
        let (values, note) = fallback(&GitSettings::read(printed.as_bytes()), has_email);
        (values.into_iter().map(|(name, _)| name).collect(), note)
    }

    #[test]
    fn only_what_is_missing_is_added() {
        for (printed, has_email, expected) in [
            (
                &["user.name=A", "user.email=a@example.com"][..],
                false,
                &[][..],
            ),
            (&["user.name=A"], false, &["user.email"]),
            (&["user.name=A"], true, &[]),
            (&["user.name= ", "user.email=a"], false, &["user.name"]),
            (
                &["author.name=A", "author.email=a"],
                false,
                &["user.name", "user.email"],
            ),
            (
                &[
                    "author.name=A",
                    "author.email=a",
                    "committer.name=C",
                    "committer.email=c",
                ],
                false,
                &[],
            ),
            (&[], false, &["user.name", "user.email"]),
        ] {
            let (names, note) = of(printed, has_email);
            assert_eq!(names, expected, "{printed:?}");
            assert_eq!(note.is_some(), !expected.is_empty(), "{printed:?}");
        }
    }

    #[test]
    fn nothing_is_made_up_against_the_will_of_the_user() {
        let (names, note) = of(&["user.useConfigOnly=true", "user.name=A"], false);
        assert_eq!(names, [""; 0]);
        assert!(note.unwrap().contains("commits in the workspace fail"));
    }
}
