//! The files of a workspace, changed or not, read from git's objects.
//!
//! Nothing of the folder itself is opened, so a link never leads out of it, and a file that changes
//! meanwhile is read as one version.

mod content;
mod listing;

use ah_rest_api_contract::{
    ContentQuery, FileContent, FileDetails, FileEncoding, FileKind, FileNode, FileNodeQuery,
    FilePath, FileStatus,
};

use crate::changes::ChangedFile;
use crate::record::Workspace;
use crate::snapshot::Look;
use crate::{WorkspaceError, Workspaces};

use content::Part;
use listing::{Changed, Entry};

/// The media type of a text whose name has no other.
const PLAIN_TEXT: &str = "text/plain";

impl Workspaces {
    /// Returns a file or folder of the session's content, or a file that the session deleted. `None`
    /// if there is neither.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, or git cannot read it.
    pub async fn file(
        &self,
        workspace: &Workspace,
        path: &FilePath,
    ) -> Result<Option<FileDetails>, WorkspaceError> {
        let look = self.look(workspace).await?;
        let changes = self.list_changes(workspace, &look).await?;
        let change = change_of(&changes, path);
        let Some(entry) = self.entry(&look, path).await? else {
            return Ok(change.map(|change| with_change(unknown(path), Some(change))));
        };
        let encoding = match entry.has_content() {
            true => {
                let part = self.part(&look, &entry, ContentQuery::default()).await?;
                Some(part.encoding())
            }
            false => None,
        };
        let details = FileDetails::new(path.as_str(), entry.kind, media_type(path, encoding))
            .with_mode(entry.mode)
            .with_encoding(encoding)
            .with_size_bytes(entry.size_bytes);
        Ok(Some(with_change(details, change)))
    }

    /// Returns a part of a file's content, or `None` if there is no such file.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, or git cannot read it.
    pub async fn read_file(
        &self,
        workspace: &Workspace,
        path: &FilePath,
        query: ContentQuery,
    ) -> Result<Option<FileContent>, WorkspaceError> {
        let look = self.look(workspace).await?;
        let entry = self.entry(&look, path).await?;
        let Some(entry) = entry.filter(Entry::has_content) else {
            return Ok(None);
        };
        let part = self.part(&look, &entry, query).await?;
        let changes = self.list_changes(workspace, &look).await?;
        let is_modified = change_of(&changes, path).is_some();
        Ok(Some(part.into_content(path, &entry, is_modified)))
    }

    /// Returns a folder with its files, or `None` if there is no such folder.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, or git cannot read it.
    pub async fn list_files(
        &self,
        workspace: &Workspace,
        query: &FileNodeQuery,
    ) -> Result<Option<FileNode>, WorkspaceError> {
        let look = self.look(workspace).await?;
        if let Some(path) = &query.path {
            let entry = self.entry(&look, path).await?;
            if entry.is_none_or(|entry| entry.kind != FileKind::Directory) {
                return Ok(None);
            }
        }
        let changes = self.list_changes(workspace, &look).await?;
        let (entries, is_whole) = self.entries(&look, query).await?;
        let changed = Changed::of(&changes);
        Ok(Some(listing::tree(query, entries, is_whole, &changed)))
    }

    /// Returns the entry at a path.
    async fn entry(&self, look: &Look, path: &FilePath) -> Result<Option<Entry>, WorkspaceError> {
        let args = [
            "ls-tree",
            "-z",
            listing::LONG,
            &look.tree,
            "--",
            path.as_str(),
        ];
        let call = self.git.own_call(listing::OPERATION, args);
        let printed = look.read_by(call).run().await?;
        let mut lines = printed.split(|byte| *byte == 0);
        let line = lines.next().filter(|line| !line.is_empty());
        line.map(Entry::parse).transpose()
    }

    /// Returns the entries that a query asks for, in git's order, and whether they are all.
    async fn entries(
        &self,
        look: &Look,
        query: &FileNodeQuery,
    ) -> Result<(Vec<Entry>, bool), WorkspaceError> {
        let within = query.path.as_ref().map(|path| format!("{path}/"));
        let mut args = vec!["ls-tree", "-z", listing::LONG];
        if query.recursive {
            // With the folders themselves.
            args.extend(["-r", "-t"]);
        }
        args.extend([look.tree.as_str(), "--"]);
        args.extend(within.as_deref());
        let mut lines = listing::Lines::default();
        let call = self.git.own_call(listing::OPERATION, args);
        let call = look.read_by(call);
        call.run_into(&mut |part| lines.take(part)).await?;
        lines.entries(within.as_deref().unwrap_or_default())
    }

    async fn part(
        &self,
        look: &Look,
        entry: &Entry,
        query: ContentQuery,
    ) -> Result<Part, WorkspaceError> {
        let mut part = Part::of(query, entry.size_bytes.unwrap_or_default());
        let args = ["cat-file", "blob", &entry.object];
        let call = self.git.own_call("read a file", args);
        let call = look.read_by(call);
        call.run_into(&mut |bytes| part.take(bytes)).await?;
        Ok(part)
    }
}

/// Returns the change of a file by its current path.
fn change_of<'a>(changes: &'a [ChangedFile], path: &FilePath) -> Option<&'a ChangedFile> {
    let path = path.as_str().as_bytes();
    changes.iter().find(|change| change.path == path)
}

/// The details of a file that is not there.
fn unknown(path: &FilePath) -> FileDetails {
    FileDetails::new(path.as_str(), FileKind::File, media_type(path, None))
}

fn with_change(details: FileDetails, change: Option<&ChangedFile>) -> FileDetails {
    let Some(change) = change else {
        return details;
    };
    let (added, removed) = change.lines.unwrap_or_default();
    let status: FileStatus = change.status;
    details
        .with_status(status)
        .with_old_path(change.shown_old_path())
        .with_lines_added(added)
        .with_lines_removed(removed)
}

/// Returns the media type by the name of a file. Some names of programs' texts are those of sounds
/// and films as well, such as `.ts`.
fn media_type(path: &FilePath, encoding: Option<FileEncoding>) -> String {
    let guess = mime_guess::from_path(path.as_str()).first();
    let is_text = encoding == Some(FileEncoding::Utf8);
    match guess {
        Some(guess) if is_text && ["audio", "video", "font"].contains(&guess.type_().as_str()) => {
            PLAIN_TEXT.to_owned()
        }
        Some(guess) => guess.essence_str().to_owned(),
        None if is_text => PLAIN_TEXT.to_owned(),
        None => ah_rest_api_contract::UNKNOWN_MEDIA_TYPE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_of_texts_are_no_films() {
        let of = |path: &str, encoding| media_type(&path.parse().unwrap(), encoding);
        let text = Some(FileEncoding::Utf8);
        assert_eq!(of("a/main.ts", text), "text/plain");
        assert_eq!(
            of("a/main.ts", Some(FileEncoding::Base64)),
            "video/vnd.dlna.mpeg-tts"
        );
        assert_eq!(of("page.html", text), "text/html");
        assert_eq!(of("Makefile", text), "text/plain");
        assert_eq!(
            of("data", Some(FileEncoding::Base64)),
            "application/octet-stream"
        );
    }
}
