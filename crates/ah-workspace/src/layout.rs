//! Writes git folders as files, in the format that gitrepository-layout(5) describes.
//!
//! A git process for each of these files would take a hundred times the time.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::WorkspaceError;
use crate::config_text::ConfigText;

/// The content of a new git folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct GitFolder {
    /// The full name of the branch that HEAD names.
    pub(crate) head: String,
    pub(crate) config: ConfigText,
    /// The folders with objects of other repositories that it uses.
    pub(crate) alternates: Vec<PathBuf>,
    /// The commits without known parents, one a line; `None` if there are none.
    pub(crate) shallow: Option<Vec<u8>>,
    /// Its refs by name.
    pub(crate) refs: BTreeMap<String, String>,
    /// The branch that a remote's HEAD names, by the name of the remote.
    pub(crate) remote_heads: BTreeMap<String, String>,
    /// The patterns of ignored files.
    pub(crate) exclude: Option<Vec<u8>>,
}

impl GitFolder {
    /// Creates the folder `at`, whose parent exists.
    pub(crate) fn create(&self, at: &Path) -> Result<(), WorkspaceError> {
        for folder in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "info",
        ] {
            let path = at.join(folder);
            fs::create_dir_all(&path)
                .map_err(WorkspaceError::file("create the folder", path.clone()))?;
        }
        write(&at.join("config"), self.config.as_bytes())?;
        if !self.alternates.is_empty() {
            let lines = alternates(&self.alternates);
            write(&at.join("objects/info/alternates"), &lines)?;
        }
        if let Some(shallow) = &self.shallow {
            write(&at.join("shallow"), shallow)?;
        }
        if let Some(exclude) = &self.exclude {
            write(&at.join("info/exclude"), exclude)?;
        }
        if !self.refs.is_empty() {
            write(&at.join("packed-refs"), packed(&self.refs).as_bytes())?;
        }
        for (remote, branch) in &self.remote_heads {
            let path = at.join("refs/remotes").join(remote);
            fs::create_dir_all(&path)
                .map_err(WorkspaceError::file("create the folder", path.clone()))?;
            let content = format!("ref: refs/remotes/{remote}/{branch}\n");
            write(&path.join("HEAD"), content.as_bytes())?;
        }
        // Git takes a folder with HEAD for a repository, so this is written last.
        write(&at.join("HEAD"), format!("ref: {}\n", self.head).as_bytes())
    }
}

/// Returns a file of packed refs, which git sorts by name, as this map does.
fn packed(refs: &BTreeMap<String, String>) -> String {
    let mut text = "# pack-refs with: sorted \n".to_owned();
    for (name, id) in refs {
        text.push_str(id);
        text.push(' ');
        text.push_str(name);
        text.push('\n');
    }
    text
}

/// Writes a loose ref, and waits until it would survive a crash of the machine.
pub(crate) fn write_ref(git_dir: &Path, name: &str, id: &str) -> Result<(), WorkspaceError> {
    let path = git_dir.join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(WorkspaceError::file("create the folder", folder))?;
    }
    crate::folder::write_whole(&path, format!("{id}\n").as_bytes())
        .and_then(|file| file.sync_all())
        .map_err(WorkspaceError::file("write", &path))
}

/// Returns the content of `objects/info/alternates`. A path with a line break, and one that looks
/// quoted or like a comment, is quoted like a string in C.
pub(crate) fn alternates(folders: &[PathBuf]) -> Vec<u8> {
    let mut lines = Vec::new();
    for folder in folders {
        lines.extend(quoted_if_needed(folder).into_vec());
        lines.push(b'\n');
    }
    lines
}

fn quoted_if_needed(folder: &Path) -> OsString {
    let bytes = folder.as_os_str().as_bytes();
    if !bytes.contains(&b'\n') && !bytes.starts_with(b"\"") && !bytes.starts_with(b"#") {
        return folder.into();
    }
    let mut quoted = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

fn write(path: &Path, content: &[u8]) -> Result<(), WorkspaceError> {
    fs::write(path, content).map_err(WorkspaceError::file("write", path))
}
