//! The current content of a workspace, as a git tree.

use std::ffi::OsString;
use std::fs::{File, FileTimes};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use tempfile::TempDir;

use crate::git::{Git, TRANSFER_LIMIT};
use crate::record::Workspace;
use crate::workspaces::is_folder;
use crate::{WorkspaceError, Workspaces};

/// The snapshot that replaces a workspace whose folder is gone.
const END: &str = "end";
const NAME_MAX: usize = 64;

/// The content of a workspace: every file that git would add. Reading it requires the objects of
/// the repository and those written for this view.
pub(crate) struct Look {
    /// The tree.
    pub(crate) tree: String,
    /// True if it was taken from the folder, not from a snapshot.
    pub(crate) is_live: bool,
    /// The folder with the objects of this view only, removed with it.
    scratch: Option<TempDir>,
}

impl Look {
    /// Configures a call to read the tree and its attributes in the workspace's repository.
    pub(crate) fn read_by<'a>(
        &self,
        call: crate::git::GitCommand<'a>,
        workspace: &Workspace,
    ) -> crate::git::GitCommand<'a> {
        // The attributes (binary files, function headers) come from the tree. Git before 2.43
        // ignores the variable and uses the attributes of the folder, or none without a folder.
        let call = call.env("GIT_ATTR_SOURCE", &self.tree);
        match &self.scratch {
            Some(scratch) => call
                .git_dir(&workspace.git_dir())
                .work_tree(&workspace.path)
                .env("GIT_OBJECT_DIRECTORY", scratch.path().join("objects"))
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects_of(workspace)),
            None => call.git_dir(&workspace.repository),
        }
    }
}

impl Workspaces {
    /// Stores the current content under `name`, as a commit on top of the base, and returns that
    /// commit. The agent's index, branch and HEAD do not change. The snapshot `end` replaces the
    /// workspace when its folder is gone.
    ///
    /// # Errors
    /// The name is invalid, or the folder is gone or unreadable.
    pub async fn snapshot(
        &self,
        workspace: &Workspace,
        name: &str,
    ) -> Result<String, WorkspaceError> {
        check_name(name)?;
        if !is_whole(workspace) {
            return Err(gone(workspace));
        }
        let scratch = scratch(workspace)?;
        let tree = write_tree(&self.git, workspace, scratch.path(), None).await?;
        let message = format!("{name} of session {}", workspace.session);
        let base = workspace.base_commit.as_str();
        let args = ["commit-tree", "-p", base, "-m", &message, &tree];
        let call = self.git.call("commit the snapshot", args);
        let commit = call.git_dir(&workspace.repository).text().await?;
        let args = ["update-ref", &workspace.private_ref(name), &commit];
        let call = self.git.call("name the snapshot", args);
        call.git_dir(&workspace.repository).run().await?;
        Ok(commit)
    }

    /// Returns the current content, or the content at the end if the folder is gone.
    pub(crate) async fn look(&self, workspace: &Workspace) -> Result<Look, WorkspaceError> {
        self.git.check().await?;
        // Without the mirror, neither the folder nor the snapshots can be read.
        if !is_folder(&workspace.repository) {
            return Err(gone(workspace));
        }
        if is_whole(workspace) {
            let scratch = scratch(workspace)?;
            let objects = scratch.path().join("objects");
            std::fs::create_dir(&objects)
                .map_err(WorkspaceError::file("create the folder", &objects))?;
            let tree = write_tree(&self.git, workspace, scratch.path(), Some(&objects)).await?;
            return Ok(Look {
                tree,
                is_live: true,
                scratch: Some(scratch),
            });
        }
        let end = format!("{}^{{tree}}", workspace.private_ref(END));
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &end];
        let call = self.git.call("find the last snapshot", args);
        let tree = call.git_dir(&workspace.repository).answer().await?;
        Ok(Look {
            tree: tree.ok_or_else(|| gone(workspace))?,
            is_live: false,
            scratch: None,
        })
    }
}

fn is_whole(workspace: &Workspace) -> bool {
    is_folder(&workspace.path) && is_folder(&workspace.git_dir())
}

fn gone(workspace: &Workspace) -> WorkspaceError {
    WorkspaceError::WorkspaceGone {
        session: workspace.session,
        path: workspace.path.clone(),
    }
}

/// Returns the objects of the repository as a list of one folder, for a variable of git.
fn objects_of(workspace: &Workspace) -> OsString {
    list_of_one(&workspace.repository.join("objects"))
}

/// Returns a list with this folder, for git's variables with lists of folders. They are separated by
/// colons, so a folder with a colon, or one that looks quoted, is quoted like a string in C.
fn list_of_one(folder: &Path) -> OsString {
    let bytes = folder.as_os_str().as_bytes();
    if !bytes.contains(&b':') && !bytes.starts_with(b"\"") {
        return folder.into();
    }
    let mut quoted = vec![b'"'];
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

fn check_name(name: &str) -> Result<(), WorkspaceError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) || name == "base" {
        return Err(WorkspaceError::SnapshotName {
            name: name.chars().take(NAME_MAX).collect(),
        });
    }
    Ok(())
}

/// Creates a temporary folder inside git's folder of the worktree, so that the remains of a crash
/// are removed with the workspace.
fn scratch(workspace: &Workspace) -> Result<TempDir, WorkspaceError> {
    let parent = workspace.git_dir();
    tempfile::Builder::new()
        .prefix("ah-look-")
        .tempdir_in(&parent)
        .map_err(WorkspaceError::file("create a folder in", parent))
}

/// Writes the folder's content as a tree, to `objects` if given, otherwise to the repository. It
/// uses a copy of the agent's index, which is only read.
async fn write_tree(
    git: &Git,
    workspace: &Workspace,
    scratch: &Path,
    objects: Option<&Path>,
) -> Result<String, WorkspaceError> {
    let index = scratch.join("index");
    let prepared = |call: crate::git::GitCommand<'static>| {
        let call = call
            .git_dir(&workspace.git_dir())
            .work_tree(&workspace.path)
            .env("GIT_INDEX_FILE", &index)
            .within(TRANSFER_LIMIT);
        match objects {
            Some(objects) => call
                .env("GIT_OBJECT_DIRECTORY", objects)
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects_of(workspace)),
            None => call,
        }
    };
    let agents_index = workspace.git_dir().join("index");
    let seeded = copy_index(&agents_index, &index)
        .map_err(WorkspaceError::file("copy the index", agents_index))?;
    if !seeded {
        // Without an index, files that are both tracked and ignored would appear deleted.
        let args = ["read-tree", workspace.base_commit.as_str()];
        prepared(git.call("read the base", args)).run().await?;
    }
    // Entries that cannot be added (a nested repository without a commit, an unreadable file) are
    // skipped, as in git's own status.
    let args = ["add", "--all", "--ignore-errors"];
    let added = prepared(git.call("add the workspace's files", args))
        .output()
        .await?;
    if !matches!(added.code, Some(0 | 1)) {
        return Err(WorkspaceError::Git {
            operation: "add the workspace's files",
            detail: added.reason(),
        });
    }
    if added.code == Some(1) {
        tracing::warn!(
            session.id = %workspace.session,
            reason = added.reason(),
            "the snapshot is incomplete"
        );
    }
    let call = git.call("write the workspace's tree", ["write-tree"]);
    prepared(call).text().await
}

/// Copies an index with its modification time, and returns true if it exists. Git re-reads files
/// that are as new as the index, so a newer copy would hide a change.
fn copy_index(from: &Path, to: &Path) -> io::Result<bool> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut copy = File::create_new(to)?;
    io::copy(&mut source, &mut copy)?;
    let modified = source.metadata()?.modified()?;
    copy.set_times(FileTimes::new().set_modified(modified))?;
    Ok(true)
}
