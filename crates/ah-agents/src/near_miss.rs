//! Names that were probably meant.

/// The minimum similarity of a mistyped name to the one that was probably meant.
const SIMILARITY_MIN: f64 = 0.8;

/// Returns the known name that was probably meant by `typed`: one that contains it, otherwise the
/// most similar one, if any is similar.
#[must_use]
pub fn nearest_name<'n>(
    typed: &str,
    names: impl IntoIterator<Item = &'n str> + Clone,
) -> Option<&'n str> {
    if typed.is_empty() {
        return None;
    }
    let containing = names.clone().into_iter().find(|name| name.contains(typed));
    containing.or_else(|| {
        names
            .into_iter()
            .map(|name| (strsim::jaro_winkler(name, typed), name))
            .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, name)| name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_contains_or_resembles_the_typed_one() {
        let names = ["scenario", "claude-acp", "codex-acp", "opencode"];
        for (typed, expected) in [
            ("claude", Some("claude-acp")),
            ("clade-acp", Some("claude-acp")),
            ("senario", Some("scenario")),
            ("opencoed", Some("opencode")),
            ("vim", None),
            ("", None),
        ] {
            assert_eq!(nearest_name(typed, names), expected, "{typed}");
        }
    }
}
