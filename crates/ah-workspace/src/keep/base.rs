//! Keeps the old side of a session's changes in its store, so that they can be compared without the
//! mirror of the repository.

use std::collections::BTreeSet;
use std::fs::{self, File};

use crate::WorkspaceError;
use crate::Workspaces;
use crate::record::Workspace;
use crate::snapshot::scratch;

const LIST: &str = "list the objects of the base";
/// The mode of an entry that is a commit of another repository, which has no object here.
const COMMIT_MODE: &str = "160000";

impl Workspaces {
    /// Keeps the base commit in the store, with the folders and files of it that `end` changes, and
    /// the attributes that the comparison uses.
    ///
    /// # Errors
    /// Git cannot read or pack the objects.
    pub(crate) async fn keep_base(
        &self,
        workspace: &Workspace,
        end: &str,
    ) -> Result<(), WorkspaceError> {
        let Some(store) = &workspace.store else {
            // A worktree of a repository has no other place for its objects.
            return Ok(());
        };
        let base = workspace.base_commit.as_str();
        let tree = format!("{base}^{{tree}}");
        let call = self.git.own_call(LIST, ["rev-parse", "--verify", &tree]);
        let tree = call.git_dir(store).text().await?;
        let args = [
            "diff-tree",
            "-r",
            "-t",
            "-z",
            "--raw",
            "--no-abbrev",
            base,
            end,
        ];
        let call = self.git.own_call(LIST, args).git_dir(store);
        let changed = old_objects(&call.run().await?);
        // Files of this name are read from the snapshot, changed or not.
        let args = ["ls-tree", "-r", "-z", "--full-tree", end];
        let call = self.git.own_call(LIST, args).git_dir(store);
        let mut attributes = AttributeFiles::default();
        call.run_into(&mut |part| attributes.take(part)).await?;

        let mut wanted = BTreeSet::from([base.to_owned(), tree]);
        wanted.extend(changed);
        wanted.extend(attributes.objects);
        let scratch = scratch(workspace)?;
        let list = scratch.path().join("base");
        let lines: String = wanted.iter().map(|id| format!("{id}\n")).collect();
        fs::write(&list, lines).map_err(WorkspaceError::file("write", &list))?;
        let list = File::open(&list).map_err(WorkspaceError::file("read", &list))?;
        let pack = store.join("objects/pack/pack").into_os_string();
        let args = ["pack-objects".into(), "--quiet".into(), pack];
        let operation = "keep the base of the session";
        let call = self.git.own_call(operation, args).git_dir(store);
        call.input(list).run().await.map(drop)
    }
}

/// Returns the ids of the old side of git's raw output.
fn old_objects(printed: &[u8]) -> Vec<String> {
    let fields = printed.split(|byte| *byte == 0);
    let entries = fields.filter_map(|field| field.strip_prefix(b":"));
    let entries = entries.filter_map(|entry| {
        let entry = std::str::from_utf8(entry).ok()?;
        let [mode, _, object, _, _] = entry.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let is_here = mode != COMMIT_MODE && object.bytes().any(|digit| digit != b'0');
        is_here.then(|| object.to_owned())
    });
    entries.collect()
}

/// The ids of files with attributes in a list of all files, which is read as it arrives.
#[derive(Debug, Default)]
struct AttributeFiles {
    objects: BTreeSet<String>,
    /// The beginning of an entry.
    beginning: Vec<u8>,
}

impl AttributeFiles {
    fn take(&mut self, part: &[u8]) {
        for piece in part.split_inclusive(|byte| *byte == 0) {
            self.beginning.extend_from_slice(piece);
            if let Some(entry) = self.beginning.strip_suffix(&[0]) {
                self.objects.extend(attributes_of(entry));
                self.beginning.clear();
            }
        }
    }
}

/// Returns the id of an entry, if it is a file with attributes.
fn attributes_of(entry: &[u8]) -> Option<String> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (&entry[..tab], &entry[tab + 1..]);
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let object = std::str::from_utf8(head).ok()?.rsplit(' ').next()?;
    (name == b".gitattributes").then(|| object.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_of_the_old_side_are_taken() {
        let printed = b":100644 100644 aa11 bb22 M\0:x\0:000000 100644 0000 cc33 A\0y\0\
                        :160000 160000 dd44 ee55 M\0module\0:040000 040000 ff66 0077 M\0d\0";
        assert_eq!(old_objects(printed), ["aa11", "ff66"]);
    }

    #[test]
    fn attribute_files_are_found_wherever_the_list_is_cut() {
        let list = b"100644 blob a1\t.gitattributes\x00100644 blob b2\tx.gitattributes\0\
                     100644 blob c3\td/\t.gitattributes\x00100644 blob d4\te/.gitattributes\0";
        for step in 1..list.len() {
            let mut files = AttributeFiles::default();
            for part in list.chunks(step) {
                files.take(part);
            }
            assert_eq!(Vec::from_iter(files.objects), ["a1", "d4"], "{step}");
        }
    }
}
