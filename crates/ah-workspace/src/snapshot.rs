//! What a workspace has at a moment, as a git tree.

use std::ffi::OsString;
use std::fs::{File, FileTimes};
use std::io::{self, ErrorKind};
use std::path::Path;

use tempfile::TempDir;

use crate::git::{Git, TRANSFER_LIMIT};
use crate::record::Workspace;
use crate::workspaces::is_folder;
use crate::{WorkspaceError, Workspaces};

/// The snapshot that stands for a workspace whose folder is gone.
const END: &str = "end";
const NAME_MAX: usize = 64;

/// All that a workspace has: every file that git would add. Reading it needs the objects of the
/// repository and those that were written to look.
pub(crate) struct Look {
    /// The tree.
    pub(crate) tree: String,
    /// Whether the folder is there, and not only a snapshot of it.
    pub(crate) is_live: bool,
    /// Where the objects are that only this look has; they go with it.
    scratch: Option<TempDir>,
}

impl Look {
    /// The call, reading the tree and its attributes in the workspace's repository.
    pub(crate) fn read_by<'a>(
        &self,
        call: crate::git::Call<'a>,
        workspace: &Workspace,
    ) -> crate::git::Call<'a> {
        // The attributes (what is binary, where a function begins) are those of the tree. A git
        // before 2.43 does not know the variable; it takes the folder's, and has none without it.
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
    /// Keeps what the workspace has now under `name`, as a commit that follows the base, and gives
    /// that commit. The agent's index, branch and HEAD stay as they are. A snapshot of the name
    /// `end` stands for the workspace when its folder is gone.
    ///
    /// # Errors
    /// The name is not one, or the folder is gone or cannot be read.
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

    /// What the workspace has now, or had at its end when the folder is gone.
    pub(crate) async fn look(&self, workspace: &Workspace) -> Result<Look, WorkspaceError> {
        self.git.check().await?;
        if is_whole(workspace) {
            let scratch = scratch(workspace)?;
            let objects = scratch.path().join("objects");
            std::fs::create_dir(&objects)
                .map_err(WorkspaceError::file("make the folder", &objects))?;
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

fn objects_of(workspace: &Workspace) -> OsString {
    workspace.repository.join("objects").into_os_string()
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

/// A folder for one look, inside of git's own folder for the worktree: what a crash leaves of it
/// goes when the workspace goes.
fn scratch(workspace: &Workspace) -> Result<TempDir, WorkspaceError> {
    let parent = workspace.git_dir();
    tempfile::Builder::new()
        .prefix("ah-look-")
        .tempdir_in(&parent)
        .map_err(WorkspaceError::file("make a folder in", parent))
}

/// Writes all that the folder has as a tree, to `objects` if given and else to the repository. The
/// index that this takes is another than the agent's, which is only read.
async fn write_tree(
    git: &Git,
    workspace: &Workspace,
    scratch: &Path,
    objects: Option<&Path>,
) -> Result<String, WorkspaceError> {
    let index = scratch.join("index");
    let prepared = |call: crate::git::Call<'static>| {
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
        // Without any index a file that is both tracked and ignored would seem deleted.
        let args = ["read-tree", workspace.base_commit.as_str()];
        prepared(git.call("read the base", args)).run().await?;
    }
    // What cannot be added (a repository without a commit inside of this one, a file that may not
    // be read) is left out, as git leaves it out of its own status.
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
            "a snapshot is not complete"
        );
    }
    let call = git.call("write the workspace's tree", ["write-tree"]);
    prepared(call).text().await
}

/// Copies an index with its time: git takes a file that is as new as its index for one that it
/// must read again, and an index that looked newer than it is would hide a change. Gives whether
/// there was one.
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
