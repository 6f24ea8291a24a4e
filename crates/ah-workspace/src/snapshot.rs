//! The current content of a workspace, as a commit.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use ah_executor::SealedChanges;
use ah_rest_api_contract::{ChangeSummary, WorkspaceProvider};
use tempfile::TempDir;

use crate::config_text::ConfigText;
use crate::convert;
use crate::folder::is_folder;
use crate::git::{GitCommand, TRANSFER_LIMIT};
use crate::ignored::Patterns;
use crate::import::{self, Commit};
use crate::index;
use crate::layout::{self, GitFolder};
use crate::record::Workspace;
use crate::refs;
use crate::repository::NO_BRANCH;
use crate::scan::{self, Interrupt, LeftOut, Scan, Start, sentences};
use crate::session_folders::INDEX;
use crate::{WorkspaceError, Workspaces};

/// The snapshot that replaces a workspace whose folder is gone.
pub(crate) const END: &str = "end";
const NAME_MAX: usize = 64;
/// The maximum number of files that are listed without their content, because they are too large.
const TOO_LARGE_MAX: usize = 200;
/// The ref of the content in a temporary repository.
const LOOK: &str = "refs/ah/look";
/// The prefix of temporary folders in the store of a session.
pub(crate) const SCRATCH: &str = "look-";
/// The maximum size of an agent's index, in bytes. A larger one is not read.
const AGENTS_INDEX_BYTES_MAX: u64 = 256 << 20;

/// The content of a workspace: every file that git would add.
pub(crate) struct Look {
    /// The content, as a name that git resolves to a tree.
    pub(crate) tree: String,
    /// True if it was taken from the folder, not from a snapshot.
    pub(crate) is_live: bool,
    /// The new and changed files that the content leaves out, because they are too large.
    pub(crate) too_large: Vec<TooLargeFile>,
    git_dir: PathBuf,
    /// The folder with the objects of this view only, removed with it.
    _scratch: Option<TempDir>,
}

/// A file that exceeds the limit of a file or of all changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TooLargeFile {
    /// Its path in bytes, which may not be UTF-8.
    pub(crate) path: Vec<u8>,
    /// True if the base has a file of this path.
    pub(crate) is_in_base: bool,
}

impl Look {
    /// Configures a call to read the content, with the attributes of files from it.
    pub(crate) fn read_by(&self, call: GitCommand<'static>) -> GitCommand<'static> {
        // The attributes (binary files, function headers) come from the tree. Git before 2.43
        // ignores the variable and uses none.
        call.git_dir(&self.git_dir)
            .env("GIT_ATTR_SOURCE", &self.tree)
    }
}

impl Workspaces {
    /// Stores the current content under `name`, as a commit on top of the base, and returns that
    /// commit, or the base if nothing changed. The agent's git folder is not read or written. The
    /// snapshot `end` replaces the workspace when its folder is gone.
    ///
    /// # Errors
    /// The name is invalid, or the folder is gone or unreadable.
    pub async fn snapshot(
        &self,
        workspace: &Workspace,
        name: &str,
    ) -> Result<String, WorkspaceError> {
        Ok(self.store_snapshot(workspace, name).await?.0)
    }

    /// Stores the changes of an ended session: its content as the snapshot `end`, and the commits of
    /// its agent. What cannot be stored is named.
    ///
    /// # Errors
    /// The folder is gone or unreadable.
    pub async fn seal(&self, workspace: &Workspace) -> Result<SealedChanges, WorkspaceError> {
        let (end, left_out) = self.store_snapshot(workspace, END).await?;
        let mut notes = sentences(&left_out);
        notes.extend(self.keep_commits(workspace).await);
        let too_large = left_out.iter().filter(|it| it.is_too_large());
        let mut summary = ChangeSummary {
            files_changed: too_large.take(TOO_LARGE_MAX).count() as u64,
            ..ChangeSummary::default()
        };
        if end == workspace.base_commit {
            return Ok(SealedChanges { summary, notes });
        }
        let look = self.last_look(workspace).await?;
        let changes = self.list_changes(workspace, &look).await?;
        for change in changes {
            let (added, removed) = change.lines.unwrap_or_default();
            summary.files_changed += 1;
            summary.lines_added += added;
            summary.lines_removed += removed;
        }
        if let Err(error) = self.keep_base(workspace, &end).await {
            // The changes can be read as long as the mirror can.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(session.id = %workspace.session, error, "the base is not kept");
        }
        Ok(SealedChanges { summary, notes })
    }

    async fn store_snapshot(
        &self,
        workspace: &Workspace,
        name: &str,
    ) -> Result<(String, Vec<LeftOut>), WorkspaceError> {
        check_name(name)?;
        if !workspace.is_whole() {
            return Err(gone(workspace));
        }
        let store = workspace.store();
        let scratch = scratch(workspace)?;
        let scan = self.scan(workspace, scratch.path()).await?;
        let snapshot = workspace.private_ref(name);
        if scan.differences.is_empty() {
            layout::write_ref(store, &snapshot, &workspace.base_commit)?;
            return Ok((workspace.base_commit.clone(), scan.left_out));
        }
        let commit = Commit {
            name: snapshot.clone(),
            message: format!("{name} of session {}", workspace.session),
            parent: workspace.base_commit.clone(),
            objects: Default::default(),
        };
        let left_out = self
            .import(workspace, store, scratch.path(), commit, scan)
            .await?;
        let id = refs::read_one(store, &snapshot).ok_or_else(|| WorkspaceError::GitFormat {
            operation: "store the workspace's files",
            problem: "the snapshot has no ref".to_owned(),
        })?;
        Ok((id, left_out))
    }

    /// Returns the current content, or the content at the end if the folder is gone or cannot be
    /// compared with its base.
    pub(crate) async fn look(&self, workspace: &Workspace) -> Result<Look, WorkspaceError> {
        self.git.check().await?;
        if !is_folder(workspace.store()) {
            return Err(gone(workspace));
        }
        // The folder is compared with objects of the mirror.
        if !workspace.is_whole() || !is_folder(&workspace.repository) {
            return self.last_look(workspace).await;
        }
        match self.current_look(workspace).await {
            Err(error) => self.last_look_after(workspace, error).await,
            look => look,
        }
    }

    /// Returns the content at the end, if `look` is of the folder and could not be compared.
    ///
    /// # Errors
    /// Returns `error`, the failure of that comparison, if there is no other content.
    pub(crate) async fn kept_look(
        &self,
        workspace: &Workspace,
        look: &Look,
        error: WorkspaceError,
    ) -> Result<Look, WorkspaceError> {
        match look.is_live {
            true => self.last_look_after(workspace, error).await,
            false => Err(error),
        }
    }

    /// Returns the content at the end, as the last known one. A session that has not ended has none.
    async fn last_look_after(
        &self,
        workspace: &Workspace,
        error: WorkspaceError,
    ) -> Result<Look, WorkspaceError> {
        let Ok(look) = self.last_look(workspace).await else {
            return Err(error);
        };
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            session.id = %workspace.session,
            error,
            "the folder cannot be compared; its content at the end is read"
        );
        Ok(look)
    }

    /// Returns the content of the folder.
    async fn current_look(&self, workspace: &Workspace) -> Result<Look, WorkspaceError> {
        let scratch = scratch(workspace)?;
        let scan = self.scan(workspace, scratch.path()).await?;
        if scan.differences.is_empty() {
            return Ok(Look {
                tree: workspace.base_commit.clone(),
                is_live: true,
                too_large: self.too_large(workspace, scan.left_out).await?,
                git_dir: workspace.store().to_owned(),
                _scratch: None,
            });
        }
        let git_dir = scratch.path().join("git");
        let folder = view_of(workspace, Vec::new());
        folder.create(&git_dir)?;
        let commit = Commit {
            name: LOOK.to_owned(),
            message: format!("content of session {}", workspace.session),
            parent: workspace.base_commit.clone(),
            objects: Default::default(),
        };
        let left_out = self
            .import(workspace, &git_dir, scratch.path(), commit, scan)
            .await?;
        Ok(Look {
            tree: LOOK.to_owned(),
            is_live: true,
            too_large: self.too_large(workspace, left_out).await?,
            git_dir,
            _scratch: Some(scratch),
        })
    }

    /// Returns the content at the end.
    async fn last_look(&self, workspace: &Workspace) -> Result<Look, WorkspaceError> {
        let end = workspace.private_ref(END);
        let tree = refs::read_one(workspace.store(), &end);
        Ok(Look {
            tree: tree.ok_or_else(|| gone(workspace))?,
            is_live: false,
            too_large: Vec::new(),
            git_dir: workspace.store().to_owned(),
            _scratch: None,
        })
    }

    /// Returns the files that are too large, at most [`TOO_LARGE_MAX`], sorted by path.
    async fn too_large(
        &self,
        workspace: &Workspace,
        left_out: Vec<LeftOut>,
    ) -> Result<Vec<TooLargeFile>, WorkspaceError> {
        let too_large = left_out.into_iter().filter(LeftOut::is_too_large);
        let mut paths: Vec<Vec<u8>> = too_large.take(TOO_LARGE_MAX).map(|it| it.path).collect();
        paths.sort();
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let args = ["ls-tree", "-z", "--name-only", "--full-tree"].map(OsString::from);
        let args = args
            .into_iter()
            .chain([OsString::from(&workspace.base_commit)]);
        let args = args.chain(paths.iter().map(|path| OsString::from_vec(path.clone())));
        let call = self.git.own_call("look up large files", args);
        let known = call.git_dir(workspace.store()).run().await?;
        let known: BTreeSet<&[u8]> = known.split(|byte| *byte == 0).collect();
        let files = paths.into_iter().map(|path| TooLargeFile {
            is_in_base: known.contains(path.as_slice()),
            path,
        });
        Ok(files.collect())
    }

    /// Compares the folder with the checkout.
    async fn scan(&self, workspace: &Workspace, scratch: &Path) -> Result<Scan, WorkspaceError> {
        let start = self.start_of(workspace, scratch).await?;
        let (folder, bounds) = (workspace.path.clone(), self.bounds);
        let interrupt = Interrupt::default();
        let signal = interrupt.signal();
        let scanned = blocking(move || scan::scan(&folder, &start, bounds, &signal)).await;
        drop(interrupt);
        scanned
    }

    /// Returns the state at the checkout.
    async fn start_of(
        &self,
        workspace: &Workspace,
        scratch: &Path,
    ) -> Result<Start, WorkspaceError> {
        let mut file = workspace.store().join(INDEX);
        let is_kept = workspace.store.is_some() && file.exists();
        if !is_kept && workspace.provider != WorkspaceProvider::Empty {
            // A workspace of an earlier version has no copy. Every file counts as changed then.
            file = scratch.join(INDEX);
            let args = ["read-tree", workspace.base_commit.as_str()];
            let call = self.git.own_call("read the base", args);
            let call = call.git_dir(workspace.store()).env("GIT_INDEX_FILE", &file);
            call.run().await?;
        }
        let workspace = workspace.clone();
        blocking(move || start_from(&workspace, &file, is_kept)).await
    }

    /// Writes the differences of a scan as a commit, and returns what is left out.
    async fn import(
        &self,
        workspace: &Workspace,
        git_dir: &Path,
        scratch: &Path,
        mut commit: Commit,
        scan: Scan,
    ) -> Result<Vec<LeftOut>, WorkspaceError> {
        if workspace.converts {
            commit.objects =
                convert::clean(&self.git, git_dir, scratch, &scan, self.bounds).await?;
        }
        let place = |call: GitCommand<'static>| call.git_dir(git_dir).within(TRANSFER_LIMIT);
        import::write(&self.git, place, commit, scan, self.bounds).await
    }
}

/// Reads the index, the patterns, and the paths that the agent has added.
fn start_from(workspace: &Workspace, file: &Path, is_kept: bool) -> Result<Start, WorkspaceError> {
    let id_length = workspace.base_commit.len() / 2;
    let mut start = Start::default();
    if file.exists() {
        start.entries = index::read(file, id_length)?;
        if is_kept {
            start.written = scan::time_of(file).map_err(WorkspaceError::file("read", file))?;
        }
    }
    let exclude = workspace.store().join("info/exclude");
    if let Ok(patterns) = fs::read(&exclude) {
        let mut all = Patterns::default();
        all.add(Path::new(""), &patterns);
        start.patterns = all;
    }
    // Only the names are used, and only to read files that would be ignored.
    let agents = workspace.agents_git_dir().join(INDEX);
    if let Ok(bytes) = refs::read_file(&agents, AGENTS_INDEX_BYTES_MAX)
        && let Ok(entries) = index::parse(&bytes, id_length)
    {
        let known = entries.into_iter().map(|entry| entry.path);
        let is_new = |path: &Vec<u8>| {
            let entries = &start.entries;
            entries.binary_search_by(|it| it.path.cmp(path)).is_err()
        };
        start.known = known.filter(is_new).collect();
    }
    Ok(start)
}

/// Returns a temporary repository that borrows the objects of the store and of `others`.
pub(crate) fn view_of(workspace: &Workspace, others: Vec<PathBuf>) -> GitFolder {
    let store = workspace.store();
    let mut alternates = vec![store.join("objects")];
    alternates.extend(others);
    GitFolder {
        head: NO_BRANCH.to_owned(),
        config: ConfigText::of_repository(workspace.object_format(), true),
        alternates,
        shallow: fs::read(store.join("shallow")).ok(),
        ..GitFolder::default()
    }
}

/// Runs blocking work, and returns its result.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| {
        Err(WorkspaceError::File {
            operation: "read",
            path: "the workspace".into(),
            source: std::io::Error::other(panic),
        })
    })
}

fn gone(workspace: &Workspace) -> WorkspaceError {
    WorkspaceError::WorkspaceGone {
        session: workspace.session,
        path: workspace.path.clone(),
    }
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

/// Creates a temporary folder inside the store, so that the remains of a crash are removed with the
/// session. A workspace of an earlier version has it in its git folder.
pub(crate) fn scratch(workspace: &Workspace) -> Result<TempDir, WorkspaceError> {
    let parent = match &workspace.store {
        Some(store) => store.clone(),
        None => workspace.agents_git_dir(),
    };
    tempfile::Builder::new()
        .prefix(SCRATCH)
        .tempdir_in(&parent)
        .map_err(WorkspaceError::file("create a folder in", parent))
}
