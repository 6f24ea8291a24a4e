//! Keeps the commits of a session's agent in the store.
//!
//! The refs of the agent's git folder are read as files. Its objects are packed by a temporary
//! repository of ours that borrows them, and the store computes their ids anew. So nothing in the
//! agent's configuration has an effect, and an object under a false name is not taken over.

mod base;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use crate::folder::is_folder;
use crate::git::{GitOutput, LOCAL_LIMIT};
use crate::layout;
use crate::record::Workspace;
use crate::refs::{self, Head};
use crate::session_folders::start_refs;
use crate::snapshot::{scratch, view_of};
use crate::{WorkspaceError, Workspaces};

/// The maximum number of refs that are kept.
const REFS_MAX: usize = 1_000;
/// The maximum number of worktrees of the agent whose HEAD is kept.
const WORKTREES_MAX: usize = 100;
/// The maximum number of refs in a sentence.
const NAMED_MAX: usize = 5;
/// The maximum number of entries of a folder of objects that are looked at.
const OBJECTS_MAX: usize = 1_000_000;

/// The operation of [`check_objects`].
const READ: &str = "read the agent's objects";

/// The refs to keep: those of the store by the commits that they name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    refs: BTreeMap<String, String>,
    /// The number of refs beyond the limit.
    further: usize,
}

impl Workspaces {
    /// Keeps the commits that the agent has made, on any branch, without a branch, as tags, or in a
    /// stash. Returns a sentence about those that cannot be kept.
    pub(crate) async fn keep_commits(&self, workspace: &Workspace) -> Vec<String> {
        if workspace.store.is_none() {
            // The branches of a worktree are in the repository already.
            return Vec::new();
        }
        let kept = to_keep(workspace);
        if kept.refs.is_empty() {
            return Vec::new();
        }
        let mut notes = Vec::new();
        if kept.further > 0 {
            notes.push(format!(
                "{} refs of the agent are not kept; the limit is {REFS_MAX}.",
                kept.further
            ));
        }
        if let Err(error) = self.take_commits(workspace, &kept.refs).await {
            let named: Vec<_> = kept
                .refs
                .keys()
                .take(NAMED_MAX)
                .map(|it| format!("`{it}`"))
                .collect();
            let shown = &error as &dyn std::error::Error;
            tracing::warn!(session.id = %workspace.session, error = shown, "commits are not kept");
            let error = match &error {
                // These words are ours, and the path is within the workspace.
                WorkspaceError::Git { operation, detail } if *operation == READ => detail.clone(),
                error => error.explanation(),
            };
            notes.push(format!(
                "The commits of the agent could not be kept as commits ({}: {error}); the files are \
                 part of the changes.",
                named.join(", ")
            ));
        }
        notes
    }

    /// Copies the commits into the store and names them.
    async fn take_commits(
        &self,
        workspace: &Workspace,
        kept: &BTreeMap<String, String>,
    ) -> Result<(), WorkspaceError> {
        let store = workspace.store();
        let start: BTreeSet<String> = start_refs(workspace).into_values().collect();
        let is_new = |id: &&String| !start.contains(*id) && **id != workspace.base_commit;
        let new: BTreeSet<&String> = kept.values().filter(is_new).collect();
        if !new.is_empty() {
            let objects = workspace.agents_git_dir().join("objects");
            check_objects(workspace, &objects)?;
            let scratch = scratch(workspace)?;
            let view = scratch.path().join("git");
            view_of(workspace, vec![objects]).create(&view)?;
            let mut wanted: String = new.iter().map(|id| format!("{id}\n")).collect();
            for id in start.iter().chain([&workspace.base_commit]) {
                wanted.push_str(&format!("^{id}\n"));
            }
            let list = scratch.path().join("wanted");
            fs::write(&list, &wanted).map_err(WorkspaceError::file("write", &list))?;
            let open = |path: &Path| File::open(path).map_err(WorkspaceError::file("read", path));
            let pack = scratch.path().join("kept");
            let operation = "pack the agent's commits";
            let args = ["pack-objects", "--revs", "--quiet", "--no-reuse-object"];
            let args = args.map(std::ffi::OsString::from).into_iter();
            let call = self
                .git
                .own_call(operation, args.chain([pack.clone().into()]));
            let call = call.git_dir(&view).input(open(&list)?).within(LOCAL_LIMIT);
            let name = call.text().await?;
            if let Ok(packed) = open(&scratch.path().join(format!("kept-{name}.pack"))) {
                let operation = "store the agent's commits";
                let args = ["index-pack", "--stdin"];
                let call = self.git.own_call(operation, args).git_dir(store);
                call.input(packed).within(LOCAL_LIMIT).run().await?;
            }
            // Everything must be there under its true name.
            let operation = "check the agent's commits";
            let args = ["rev-list", "--objects", "--quiet", "--stdin"];
            let call = self.git.own_call(operation, args).git_dir(store);
            let output = call
                .input(open(&list)?)
                .within(LOCAL_LIMIT)
                .output()
                .await?;
            checked(operation, &output)?;
        }
        for (name, id) in kept {
            layout::write_ref(store, name, id)?;
        }
        Ok(())
    }
}

fn checked(operation: &'static str, output: &GitOutput) -> Result<(), WorkspaceError> {
    match output.code {
        Some(0) => Ok(()),
        _ => Err(WorkspaceError::Git {
            operation,
            detail: output.reason(),
        }),
    }
}

/// Returns the refs of the agent that are not those of the start. Branches and tags keep their
/// names; HEADs and a stash have names of their own.
fn to_keep(workspace: &Workspace) -> Kept {
    let git_dir = workspace.agents_git_dir();
    if !is_folder(&git_dir) {
        return Kept::default();
    }
    let start = start_refs(workspace);
    let mut found = BTreeMap::new();
    for (name, id) in refs::read(&git_dir) {
        if start.get(&name) == Some(&id) {
            continue;
        }
        if name.starts_with("refs/heads/") || name.starts_with("refs/tags/") {
            found.insert(name, id);
        } else if name == "refs/stash" {
            found.insert(workspace.private_ref("stash"), id);
        }
    }
    if let Some(id) = refs::head_commit(&git_dir)
        && id != workspace.base_commit
    {
        found.insert(workspace.private_ref("head"), id);
    }
    let worktrees = git_dir.join("worktrees");
    let entries = is_folder(&worktrees).then(|| fs::read_dir(&worktrees));
    let entries = entries.into_iter().flatten().flatten().flatten();
    for (place, entry) in entries.take(WORKTREES_MAX).enumerate() {
        // A branch of a worktree is one of the branches above.
        if let Some(Head::Commit(id)) = refs::head(&entry.path()) {
            found.insert(workspace.private_ref(&format!("worktree-{place}")), id);
        }
    }
    let further = found.len().saturating_sub(REFS_MAX);
    Kept {
        refs: found.into_iter().take(REFS_MAX).collect(),
        further,
    }
}

/// Refuses objects of an agent that would make git wait or read elsewhere.
fn check_objects(workspace: &Workspace, objects: &Path) -> Result<(), WorkspaceError> {
    let refused = |path: &Path, why: &str| {
        let path = path.strip_prefix(&workspace.path).unwrap_or(path);
        Err(WorkspaceError::Git {
            operation: READ,
            detail: format!("`{}` {why}", path.display()),
        })
    };
    let alternates = objects.join("info/alternates");
    let expected = workspace.agents_alternates();
    let found = refs::read_file(&alternates, 1 << 20).unwrap_or_default();
    if alternates.symlink_metadata().is_ok() && found != expected {
        return refused(&alternates, "was changed");
    }
    let mut count = 0;
    let mut folders = vec![(objects.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if !is_folder(&folder) {
            return refused(&folder, "is not a folder");
        }
        let entries = fs::read_dir(&folder).map_err(WorkspaceError::file("read", &folder))?;
        for entry in entries.flatten() {
            count += 1;
            let kind = entry
                .file_type()
                .map_err(WorkspaceError::file("read", entry.path()))?;
            if kind.is_dir() && depth < 2 {
                folders.push((entry.path(), depth + 1));
            } else if !kind.is_file() || count > OBJECTS_MAX {
                return refused(&entry.path(), "is not one of its objects");
            }
        }
    }
    Ok(())
}
