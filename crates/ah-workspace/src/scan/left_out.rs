//! Descriptions of the files that the changes of a session leave out.

use std::collections::BTreeMap;

/// The maximum number of paths in a sentence.
const NAMED_MAX: usize = 5;

/// Something that the changes do not contain, or not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its path, relative to the top.
    pub(crate) path: Vec<u8>,
    pub(crate) reason: Reason,
}

/// The reason for which something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It is larger than this many bytes.
    TooLarge(u64),
    /// The changes before it reach the limit of this many bytes.
    Full(u64),
    /// It cannot be read.
    Unreadable,
    /// It is a pipe, a socket or a device.
    Special,
    /// It is a repository of its own. Its files are in the changes, its history is not.
    Nested,
    /// It is a submodule. Its commit is in the changes, its files are not.
    Submodule,
    /// Git accepts no file of this name.
    Name,
    /// The time or the number of entries of a scan was used up.
    Unfinished,
}

impl LeftOut {
    /// Returns true if it is a file whose content exceeds a limit.
    pub(crate) const fn is_too_large(&self) -> bool {
        matches!(self.reason, Reason::TooLarge(_) | Reason::Full(_))
    }
}

/// Returns sentences for people about what is left out, one for each reason.
pub(crate) fn sentences(left_out: &[LeftOut]) -> Vec<String> {
    let mut by_reason: BTreeMap<Reason, Vec<&LeftOut>> = BTreeMap::new();
    for it in left_out {
        by_reason.entry(it.reason).or_default().push(it);
    }
    by_reason
        .into_iter()
        .map(|(reason, paths)| sentence(reason, &paths))
        .collect()
}

fn sentence(reason: Reason, paths: &[&LeftOut]) -> String {
    let named = paths.iter().take(NAMED_MAX).map(|it| {
        let path = String::from_utf8_lossy(&it.path);
        format!("`{}`", if path.is_empty() { "." } else { &*path })
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if paths.len() > NAMED_MAX {
        named.push_str(&format!(" and {} more", paths.len() - NAMED_MAX));
    }
    match reason {
        Reason::TooLarge(limit) => format!(
            "Files over {} are not part of the changes: {named}.",
            size(limit)
        ),
        Reason::Full(limit) => format!(
            "The changes are larger than {}, so these files are not part of them: {named}.",
            size(limit)
        ),
        Reason::Unreadable => {
            format!("What cannot be read is not part of the changes: {named}.")
        }
        Reason::Special => {
            format!("Pipes, sockets and devices are not part of the changes: {named}.")
        }
        Reason::Nested => format!(
            "The changes contain the files of repositories within the workspace, but not their \
             history: {named}."
        ),
        Reason::Submodule => {
            format!("The changes contain the commit of each submodule, but not its files: {named}.")
        }
        Reason::Name => format!("Git accepts no file of these names: {named}."),
        Reason::Unfinished => {
            format!("The workspace is too large to be read whole; what is missing: {named}.")
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        mebi if mebi >= 1 << 20 => format!("{} MiB", mebi >> 20),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_by_reason_and_bounded() {
        let of = |path: &str, reason| LeftOut {
            path: path.into(),
            reason,
        };
        let mut all = vec![
            of("big", Reason::TooLarge(32 << 20)),
            of("", Reason::Unreadable),
        ];
        all.extend((0..7).map(|n| of(&format!("p{n}"), Reason::Special)));
        let said = sentences(&all);
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(
            said[0],
            "Files over 32 MiB are not part of the changes: `big`."
        );
        assert!(said[1].contains("`.`"), "{said:?}");
        assert!(said[2].contains("`p4` and 2 more"), "{said:?}");
    }
}
