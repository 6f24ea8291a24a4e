//! The refs of a mirror that follow its source.

use std::collections::BTreeMap;
use std::path::Path;

use crate::refs::{self, Head};
use crate::source::Listing;

/// The ref for the source's HEAD, outside of the refs that a fetch prunes.
pub(super) const SOURCE_HEAD: &str = "refs/ah-source/HEAD";
/// The folder of the refs for the source's branches.
const BRANCHES: &str = "refs/remotes/origin/";
const TAGS: &str = "refs/tags/";
/// The folder of the refs for the remote-tracking branches of a source on this host.
const TRACKING: &str = "refs/ah-source/remotes/";

/// The refs of a mirror that follow its source, as they were when they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MirrorRefs {
    /// The commit of the source's HEAD.
    pub(super) head: Option<String>,
    /// The branch that the source's HEAD names.
    pub(crate) default_branch: Option<String>,
    /// The source's branches and their commits.
    pub(crate) branches: BTreeMap<String, String>,
    /// Its tags and their objects.
    pub(crate) tags: BTreeMap<String, String>,
    /// The remote-tracking branches of a source on this host, as `origin/main`.
    pub(crate) tracking: BTreeMap<String, String>,
}

impl MirrorRefs {
    /// Reads the refs of the mirror at `path`.
    pub(super) fn read(path: &Path) -> Self {
        let default = refs::target_of(&path.join(BRANCHES).join("HEAD"));
        let default = match &default {
            Some(Head::Ref(name)) => name.strip_prefix(BRANCHES),
            _ => None,
        };
        Self::of(refs::read(path), default)
    }

    fn of(all: BTreeMap<String, String>, default_branch: Option<&str>) -> Self {
        let mut found = Self::default();
        for (name, id) in all {
            if name == SOURCE_HEAD {
                found.head = Some(id);
            } else if let Some(tag) = name.strip_prefix(TAGS) {
                found.tags.insert(tag.to_owned(), id);
            } else if let Some(branch) = name.strip_prefix(BRANCHES) {
                found.branches.insert(branch.to_owned(), id);
            } else if let Some(branch) = name.strip_prefix(TRACKING) {
                found.tracking.insert(branch.to_owned(), id);
            }
        }
        let default = default_branch.filter(|branch| found.branches.contains_key(*branch));
        found.default_branch = default.map(str::to_owned);
        found
    }

    /// Returns true if a fetch of the source would change none of these refs.
    pub(super) fn are_those_of(&self, source: &Listing) -> bool {
        // A HEAD that names no branch of the source has no commit.
        self.head == source.head
            && self.branches == source.branches
            && self.tags == source.tags
            && self.tracking == source.tracking
            && match &self.default_branch {
                Some(branch) => source.default_branch.as_ref() == Some(branch),
                // The name of a branch that does not exist is not listed.
                None => source
                    .default_branch
                    .as_ref()
                    .is_none_or(|branch| !self.branches.contains_key(branch)),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "ref: refs/heads/main\tHEAD\n11\tHEAD\n22\trefs/heads/a/b\n\
                          11\trefs/heads/main\n44\trefs/remotes/origin/x\n55\trefs/tags/v1\n\
                          11\trefs/tags/v1^{}\n";

    fn mirrored() -> MirrorRefs {
        let refs = [
            ("refs/ah-source/HEAD", "11"),
            ("refs/ah-source/remotes/origin/x", "44"),
            ("refs/remotes/origin/a/b", "22"),
            ("refs/remotes/origin/main", "11"),
            ("refs/heads/ah/of-a-session", "77"),
            ("refs/tags/v1", "55"),
        ];
        let refs = refs.map(|(name, id)| (name.to_owned(), id.to_owned()));
        MirrorRefs::of(refs.into(), Some("main"))
    }

    #[test]
    fn a_mirror_that_is_up_to_date_is_recognised() {
        let refs = mirrored();
        assert_eq!(refs.default_branch.as_deref(), Some("main"));
        assert!(refs.are_those_of(&Listing::read(SOURCE)));
        for (change, to) in [
            ("ref: refs/heads/main", "ref: refs/heads/a/b"),
            ("11\tHEAD", "22\tHEAD"),
            ("11\tHEAD\n", ""),
            ("22\trefs/heads/a/b", "23\trefs/heads/a/b"),
            ("22\trefs/heads/a/b\n", ""),
            ("44\trefs/remotes/origin/x", "45\trefs/remotes/origin/x"),
            ("55\trefs/tags/v1\n", "56\trefs/tags/v1\n"),
            ("55\trefs/tags/v1\n", "55\trefs/tags/v2\n"),
        ] {
            let changed = SOURCE.replacen(change, to, 1);
            assert_ne!(changed, SOURCE);
            assert!(!refs.are_those_of(&Listing::read(&changed)), "{changed}");
        }
    }

    #[test]
    fn an_empty_mirror_is_that_of_an_empty_source() {
        let refs = MirrorRefs::default();
        assert!(refs.are_those_of(&Listing::read("")));
        assert!(!refs.are_those_of(&Listing::read(SOURCE)));
    }
}
