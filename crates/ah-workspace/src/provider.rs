//! The providers of workspaces: ways to make the folder of a session with the files of its start.
//!
//! Everything else of a workspace is the same for all of them: the two git folders, the record, the
//! snapshots and the diffs.

mod overlay;
mod worktree;

use std::fmt::Debug;
use std::path::Path;
use std::sync::OnceLock;

use ah_rest_api_contract::{PassedOverProvider, WorkspaceProvider};

use crate::WorkspaceError;
use crate::record::Workspace;

use overlay::Overlay;
pub(crate) use overlay::layers_folder;
pub(crate) use worktree::Worktree;

/// A way to make the folder of a workspace. Its functions block.
pub(crate) trait Provider: Debug + Send + Sync {
    /// Checks that this host offers it for workspaces below `place`, a folder.
    ///
    /// # Errors
    /// The reason why it does not, as a clause for people.
    fn probe(&self, place: &Path) -> Result<(), String>;

    /// Makes the folder of a new workspace. With a base it has the base's files afterwards, and
    /// otherwise none.
    fn provision(&self, workspace: &Workspace) -> Result<(), WorkspaceError>;

    /// Makes the folder of a complete workspace usable again after a restart of the host.
    fn restore(&self, workspace: &Workspace) -> Result<(), WorkspaceError>;

    /// Removes what it has made for the workspace at `path`, but for the folder itself. Nothing to
    /// remove is a success.
    fn remove(&self, path: &Path) -> Result<(), WorkspaceError>;
}

/// A provider that can be chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) kind: WorkspaceProvider,
    pub(crate) provider: &'static dyn Provider,
    /// True if it starts from a prepared checkout.
    pub(crate) has_base: bool,
}

/// All providers of repositories.
static CHOICES: [Choice; 2] = [
    Choice {
        kind: WorkspaceProvider::Overlay,
        provider: &Overlay,
        has_base: true,
    },
    Choice {
        kind: WorkspaceProvider::Worktree,
        provider: &Worktree,
        has_base: false,
    },
];

/// The providers that this host may use, and the results of their probes.
#[derive(Debug)]
pub(crate) struct Providers {
    /// The permitted ones, the preferred one first.
    order: Vec<WorkspaceProvider>,
    probed: [OnceLock<Result<(), String>>; CHOICES.len()],
}

impl Default for Providers {
    fn default() -> Self {
        Self::new(vec![WorkspaceProvider::Worktree])
    }
}

impl Providers {
    /// Permits these providers, the preferred one first. A plain checkout is always permitted.
    pub(crate) fn new(mut order: Vec<WorkspaceProvider>) -> Self {
        if !order.contains(&WorkspaceProvider::Worktree) {
            order.push(WorkspaceProvider::Worktree);
        }
        Self {
            order,
            probed: Default::default(),
        }
    }

    /// Returns the providers to try for a task with this preference, and those that are passed over
    /// unseen. A plain checkout is the last resort. Blocks.
    pub(crate) fn candidates(
        &self,
        preference: &[String],
        place: &Path,
    ) -> (Vec<&'static Choice>, Vec<PassedOverProvider>) {
        let names = |order: &[WorkspaceProvider]| order.iter().map(ToString::to_string).collect();
        let mut names: Vec<String> = match preference {
            [] => names(&self.order),
            preference => preference.to_vec(),
        };
        let last = WorkspaceProvider::Worktree.to_string();
        if let Some(at) = names.iter().position(|name| *name == last) {
            names.truncate(at + 1);
        } else {
            names.push(last);
        }
        let (mut found, mut passed_over) = (Vec::new(), Vec::new());
        for name in names {
            match self.judged(&name, place) {
                Ok(choice) => found.push(choice),
                Err(reason) => passed_over.push(PassedOverProvider::new(name, reason)),
            }
        }
        (found, passed_over)
    }

    /// Returns the providers that a task gets if it prefers them. Blocks.
    pub(crate) fn offered(&self, place: &Path) -> Vec<WorkspaceProvider> {
        let is_offered = |kind: &&WorkspaceProvider| self.judged(&kind.to_string(), place).is_ok();
        self.order.iter().filter(is_offered).copied().collect()
    }

    /// Returns the provider with this name, if this host may use it and offers it.
    fn judged(&self, name: &str, place: &Path) -> Result<&'static Choice, String> {
        let mut known = CHOICES.iter().zip(&self.probed);
        let found = known.find(|(choice, _)| choice.kind.to_string() == name);
        let (choice, probed) =
            found.ok_or("there is no such provider of workspaces of repositories")?;
        if !self.order.contains(&choice.kind) {
            return Err("the configuration does not permit it (workspace.providers)".to_owned());
        }
        let probed = probed.get_or_init(|| choice.provider.probe(place));
        probed.clone().map(|()| choice)
    }
}

/// Makes the folder of a complete workspace usable again after a restart of the host. Blocks.
pub(crate) fn restore(workspace: &Workspace) -> Result<(), WorkspaceError> {
    let choice = CHOICES.iter().find(|it| it.kind == workspace.provider);
    choice.map_or(Ok(()), |choice| choice.provider.restore(workspace))
}

/// Removes what any provider has made for the workspace at `path`, whose record may be lost. Blocks.
pub(crate) fn remove(path: &Path) -> Result<(), WorkspaceError> {
    let mut all = CHOICES.iter();
    all.try_for_each(|choice| choice.provider.remove(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preference_skips_what_is_unknown_or_not_permitted() {
        let place = tempfile::tempdir().unwrap();
        let providers = Providers::new(Vec::new());
        let wanted = ["zfs", "overlay", "worktree", "btrfs"].map(str::to_owned);
        let (found, passed_over) = providers.candidates(&wanted, place.path());
        let kinds: Vec<_> = found.iter().map(|choice| choice.kind).collect();
        assert_eq!(kinds, [WorkspaceProvider::Worktree]);
        let names: Vec<_> = passed_over.iter().map(|it| it.provider.as_str()).collect();
        assert_eq!(names, ["zfs", "overlay"]);
        assert!(passed_over[1].reason.contains("workspace.providers"));
    }
}
