//! Line endings and encodings: the form in which git would store a file.
//!
//! Git converts such files by the attributes of the workspace. It reads copies in a temporary
//! folder, with those attributes but without filters, since none is configured.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fd::OwnedFd;

use crate::WorkspaceError;
use crate::git::{Git, TRANSFER_LIMIT};
use crate::scan::{Bounds, Difference, Scan, read_file};
use crate::snapshot::blocking;

/// The maximum number of files that are converted. Further ones are stored as they are.
const FILES_MAX: usize = 10_000;
/// The maximum size of a `.gitattributes`, in bytes.
const ATTRIBUTES_BYTES_MAX: u64 = 1 << 20;

/// Writes the converted contents of those files of a scan that have another form, and returns their
/// ids by path.
pub(crate) async fn clean(
    git: &Git,
    git_dir: &Path,
    scratch: &Path,
    scan: &Scan,
    bounds: Bounds,
) -> Result<HashMap<Vec<u8>, String>, WorkspaceError> {
    let files = scan.differences.iter().filter_map(|it| match it {
        // A line break in a path would end it in the list for git.
        Difference::File { path, .. } if !path.contains(&b'\n') && !path.starts_with(b"\"") => {
            Some(path.clone())
        }
        _ => None,
    });
    let (files, top) = (files.collect::<Vec<_>>(), Arc::clone(&scan.top));
    let tree = scratch.join("tree");
    let copies = tree.clone();
    let copied = blocking(move || copy(&top, &copies, files, bounds)).await?;
    if copied.is_empty() {
        return Ok(HashMap::new());
    }
    let list = scratch.join("list");
    fs::write(&list, copied.join(&b'\n')).map_err(WorkspaceError::file("write", &list))?;
    let list = fs::File::open(&list).map_err(WorkspaceError::file("read", &list))?;
    let args = ["hash-object", "-w", "--stdin-paths"];
    let call = git.own_call("convert the workspace's files", args);
    let call = call.git_dir(git_dir).work_tree(&tree);
    let call = call.config("core.safecrlf", "false").input(list);
    let ids = call.within(TRANSFER_LIMIT).text().await?;
    Ok(copied
        .into_iter()
        .zip(ids.lines().map(str::to_owned))
        .collect())
}

/// Copies the files whose form may differ, and the attributes of their folders. Returns the paths of
/// the copies.
fn copy(
    top: &OwnedFd,
    tree: &Path,
    files: Vec<Vec<u8>>,
    bounds: Bounds,
) -> Result<Vec<Vec<u8>>, WorkspaceError> {
    let write = |path: &Path, content: &[u8]| {
        let at = tree.join(path);
        let folder = at.parent().unwrap_or(tree);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&at, content))
            .map_err(WorkspaceError::file("write", at.clone()))
    };
    let (mut copied, mut folders) = (Vec::new(), BTreeSet::new());
    for file in files {
        let path = Path::new(OsStr::from_bytes(&file));
        let is_attributes = path.file_name() == Some(OsStr::new(".gitattributes"));
        let content = match read_file(top, path, bounds.file_bytes) {
            Ok(Some(content)) if has_other_form(&content) && !is_attributes => content,
            _ => continue,
        };
        write(path, &content)?;
        folders.extend(path.ancestors().skip(1).map(Path::to_owned));
        copied.push(file);
        if copied.len() >= FILES_MAX {
            break;
        }
    }
    for folder in folders {
        let path = folder.join(".gitattributes");
        if let Ok(Some(content)) = read_file(top, &path, ATTRIBUTES_BYTES_MAX) {
            write(&path, &content)?;
        }
    }
    Ok(copied)
}

/// Returns true for a content that git may store in another form: with line ends of two characters,
/// with an expanded `$Id$`, or in UTF-16 or UTF-32.
fn has_other_form(content: &[u8]) -> bool {
    let has = |part: &[u8]| content.windows(part.len()).any(|it| it == part);
    content.starts_with(b"\xff\xfe")
        || content.starts_with(b"\xfe\xff")
        || content.starts_with(b"\0\0\xfe\xff")
        || has(b"\r\n")
        || has(b"$Id")
}
