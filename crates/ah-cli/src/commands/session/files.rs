//! `ah session files`.

use ah_rest_api_contract::{
    FileKind, FileNode, FileNodeQuery, FileQuery, InvalidId, Page, Session, TaskManager,
};

use super::target::target;
use crate::args::FilesArgs;
use crate::changes;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text;

/// Lists the changed files, or all files.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: &FilesArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    if args.all {
        return all(manager, &session, args.folder.as_deref(), context).await;
    }
    let files = Page::all(|page| {
        let query = FileQuery {
            page,
            ..FileQuery::default()
        };
        manager.list_session_files(session.id, query)
    })
    .await?;
    context.show(&files, || changes::files(&files.items))
}

/// Lists all files of a folder, or of the whole workspace.
async fn all(
    manager: &dyn TaskManager,
    session: &Session,
    folder: Option<&str>,
    context: &Context,
) -> Result<(), Failure> {
    let parsed = folder.map(|folder| folder.trim_end_matches('/').parse());
    let path = parsed
        .transpose()
        .map_err(|error: InvalidId| Failure::validation(error.to_string()))?;
    let query = FileNodeQuery {
        path,
        recursive: true,
        modified_only: false,
    };
    let root = manager.list_workspace_files(session.id, query).await?;
    if root.is_truncated && !context.json {
        context.terminal.hint(format!(
            "not all files are listed; `ah session files {} --all --in FOLDER` lists those of a \
             folder",
            short(session.id)
        ));
    }
    context.show(&root, || lines(&root))
}

/// Returns a line for each file, with its size.
fn lines(root: &FileNode) -> Vec<Line> {
    let mut lines = Vec::new();
    // The last one is the next one.
    let mut left: Vec<&FileNode> = root.children.iter().flatten().rev().collect();
    while let Some(node) = left.pop() {
        if node.kind == FileKind::Directory {
            left.extend(node.children.iter().flatten().rev());
            continue;
        }
        let mark = if node.is_modified { "*" } else { " " };
        let size = node.size_bytes.map(|size| format!("{size} B"));
        let paint = if node.is_modified {
            Paint::Accent
        } else {
            Paint::Plain
        };
        lines.push(
            Line::of(Paint::Good, mark)
                .with(Paint::Dim, format!(" {:>12}  ", size.unwrap_or_default()))
                .with(paint, text::one_line(&node.path)),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Colour;

    #[test]
    fn files_are_listed_with_their_paths() {
        let file = |path: &str| FileNode::new(path, FileKind::File).with_size_bytes(7);
        let folder = FileNode::new("a", FileKind::Directory)
            .with_children(vec![file("a/b").with_is_modified(true)]);
        let link = FileNode::new("c\u{1b}[31m", FileKind::Symlink);
        let root = FileNode::new("", FileKind::Directory).with_children(vec![folder, link]);
        let lines = lines(&root);
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.render(None, Colour::Plain))
            .collect();
        assert_eq!(lines, ["*          7 B  a/b", "                c"]);
    }
}
