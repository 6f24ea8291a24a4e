//! The repository of a session without a source, and its worktree.
//!
//! They are the same for all such sessions but for the names in them, so they are written as files,
//! in the formats that gitrepository-layout(5) and git-worktree(1) describe. Ten git processes, one
//! after another, would do the same in a hundred times the time.

use std::fs;
use std::path::Path;

use crate::WorkspaceError;
use crate::record::{Workspace, private_ref};
use crate::repository::{FIXED_SETTINGS, NO_BRANCH, WORKTREE_LOCK};

/// The id of the only commit, which has no file.
pub(crate) const EMPTY_COMMIT: &str = "229a1c61a24e47743736ef1190accf4981880a29";
/// The object of that commit: a zlib stream of one stored block. Its date is the same for all
/// sessions.
const COMMIT: &[u8] = b"\x78\x01\x01\xc7\x00\x38\xffcommit 188\0\
    tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
    author Agent Harbor <agent-harbor@localhost> 946684800 +0000\n\
    committer Agent Harbor <agent-harbor@localhost> 946684800 +0000\n\n\
    Empty workspace\n\x60\x08\x3e\xc6";
/// The id and the object of the tree without files.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const TREE: &[u8] = b"\x78\x01\x01\x07\x00\xf8\xfftree 0\0\x0a\x2c\x02\x01";

/// Creates the repository of `workspace` with its base, and the worktree on `branch`, without files.
pub(crate) fn create(workspace: &Workspace, branch: &str) -> Result<(), WorkspaceError> {
    let Workspace {
        session,
        path,
        repository,
        ..
    } = workspace;
    let commit = format!("{EMPTY_COMMIT}\n");
    let write = |name: &str, content: &[u8]| write(&repository.join(name), content);
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        make_folder(&repository.join(folder))?;
    }
    for (id, object) in [(EMPTY_TREE, TREE), (EMPTY_COMMIT, COMMIT)] {
        let (folder, name) = id.split_at(2);
        write(&format!("objects/{folder}/{name}"), object)?;
    }
    write("config", settings_text().as_bytes())?;
    write(&format!("refs/heads/{branch}"), commit.as_bytes())?;
    write(&private_ref(*session, "base"), commit.as_bytes())?;
    // Git takes a folder with HEAD for a repository, so this is written last.
    write("HEAD", format!("ref: {NO_BRANCH}\n").as_bytes())?;

    let link = path.join(".git");
    let worktree = workspace.git_dir();
    let put = |name: &str, content: String| self::write(&worktree.join(name), content.as_bytes());
    put("commondir", "../..\n".to_owned())?;
    put("gitdir", format!("{}\n", link.display()))?;
    put("locked", format!("{WORKTREE_LOCK}\n"))?;
    put("HEAD", format!("ref: refs/heads/{branch}\n"))?;
    self::write(
        &link,
        format!("gitdir: {}\n", worktree.display()).as_bytes(),
    )
}

/// Returns the configuration of every such repository.
fn settings_text() -> String {
    let mut text =
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n".to_owned();
    for (name, value) in FIXED_SETTINGS {
        add_setting(&mut text, name, value);
    }
    text
}

/// Adds settings to the configuration of the repository of `workspace`.
pub(crate) fn configure(
    workspace: &Workspace,
    settings: &[(&str, Option<String>)],
) -> Result<(), WorkspaceError> {
    if settings.is_empty() {
        return Ok(());
    }
    let mut text = settings_text();
    for (name, value) in settings {
        let value = value.as_deref().unwrap_or("true");
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        add_setting(&mut text, name, &format!("\"{value}\""));
    }
    write(&workspace.repository.join("config"), text.as_bytes())
}

fn add_setting(text: &mut String, name: &str, value: &str) {
    if let Some((section, key)) = name.split_once('.') {
        text.push_str(&format!("[{section}]\n\t{key} = {value}\n"));
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), WorkspaceError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, content).map_err(WorkspaceError::file("write", path))
}

fn make_folder(path: &Path) -> Result<(), WorkspaceError> {
    fs::create_dir_all(path).map_err(WorkspaceError::file("create the folder", path))
}
