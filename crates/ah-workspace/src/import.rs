//! Writes the differences of a scan as a commit, as the input of `git fast-import`.
//!
//! Git reads nothing but this input and the repository that it writes to. A file that changes while
//! it is read, or is gone, changes the content and nothing else.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufWriter, ErrorKind, PipeWriter, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fd::OwnedFd;

use crate::WorkspaceError;
use crate::git::{EMAIL, Git, GitCommand, NAME, TRANSFER_LIMIT};
use crate::scan::{Bounds, Difference, LeftOut, Reason, Scan, TRACKED_FACTOR, read_file};

/// A commit to write.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    /// The full name of the ref.
    pub(crate) name: String,
    pub(crate) message: String,
    /// The id of its parent.
    pub(crate) parent: String,
    /// The ids of contents that are in the repository already, by path.
    pub(crate) objects: HashMap<Vec<u8>, String>,
}

/// Writes the commit to the repository that `place` configures a call for. Returns what was left
/// out, that of the scan included.
pub(crate) async fn write(
    git: &Git,
    place: impl FnOnce(GitCommand<'static>) -> GitCommand<'static>,
    commit: Commit,
    scan: Scan,
    bounds: Bounds,
) -> Result<Vec<LeftOut>, WorkspaceError> {
    let failed = |source| WorkspaceError::File {
        operation: "write to",
        path: "git".into(),
        source,
    };
    let (reader, writer) = io::pipe().map_err(failed)?;
    // The thread ends when git does, because a pipe without a reader cannot be written to.
    let writing = tokio::task::spawn_blocking(move || stream(writer, &commit, scan, bounds));
    let args = ["fast-import", "--quiet", "--force", "--done"];
    let call = git.own_call("store the workspace's files", args);
    let output = place(call).input(reader).within(TRANSFER_LIMIT);
    let output = output.output().await?;
    let written = writing
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)));
    if output.code != Some(0) {
        return Err(WorkspaceError::Git {
            operation: "store the workspace's files",
            detail: without_report(&output.reason()),
        });
    }
    written.map_err(failed)
}

/// Returns what git said without the path of its report of a crash.
fn without_report(said: &str) -> String {
    let lines = said.lines();
    let lines = lines.filter(|line| !line.starts_with("fast-import: dumping crash report"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes the input of git. A file that cannot be read is left out.
fn stream(
    writer: PipeWriter,
    commit: &Commit,
    scan: Scan,
    bounds: Bounds,
) -> io::Result<Vec<LeftOut>> {
    let mut out = BufWriter::with_capacity(1 << 16, writer);
    let Commit {
        name,
        message,
        parent,
        objects,
    } = commit;
    let seconds = now();
    write!(
        out,
        "feature done\ncommit {name}\ncommitter {NAME} <{EMAIL}> {seconds} +0000\ndata {}\n{message}\n\
         from {parent}\n",
        message.len()
    )?;
    let Scan {
        top,
        differences,
        mut left_out,
    } = scan;
    // A file can take the place of a folder, so what is gone comes first.
    for difference in &differences {
        if let Difference::Gone(path) = difference {
            remove(&mut out, path)?;
        }
    }
    for difference in differences {
        match difference {
            Difference::Gone(_) => {}
            Difference::Commit { path, id } => {
                write!(out, "M 160000 {id} ")?;
                end_with(&mut out, &path)?;
            }
            Difference::Link(path) => match link(&top, &path) {
                Ok(target) => put(&mut out, b"120000", &path, &target)?,
                Err(error) => leave(&mut out, path, true, &error, &mut left_out)?,
            },
            Difference::File {
                path,
                is_executable,
                is_tracked,
            } => {
                let mode = if is_executable { "100755" } else { "100644" };
                if let Some(id) = objects.get(&path) {
                    write!(out, "M {mode} {id} ")?;
                    end_with(&mut out, &path)?;
                    continue;
                }
                let factor = if is_tracked { TRACKED_FACTOR } else { 1 };
                let limit = bounds.file_bytes.saturating_mul(factor);
                match read_file(&top, Path::new(OsStr::from_bytes(&path)), limit) {
                    Ok(Some(content)) => put(&mut out, mode.as_bytes(), &path, &content)?,
                    // It grew since the scan.
                    Ok(None) => left_out.push(LeftOut {
                        path,
                        reason: Reason::TooLarge(limit),
                    }),
                    Err(error) => leave(&mut out, path, is_tracked, &error, &mut left_out)?,
                }
            }
        }
    }
    out.write_all(b"done\n")?;
    out.flush()?;
    Ok(left_out)
}

/// Writes a file with its content.
fn put(out: &mut impl Write, mode: &[u8], path: &[u8], content: &[u8]) -> io::Result<()> {
    out.write_all(b"M ")?;
    out.write_all(mode)?;
    out.write_all(b" inline ")?;
    end_with(out, path)?;
    writeln!(out, "data {}", content.len())?;
    out.write_all(content)?;
    out.write_all(b"\n")
}

fn remove(out: &mut impl Write, path: &[u8]) -> io::Result<()> {
    out.write_all(b"D ")?;
    end_with(out, path)
}

/// Deals with a file that could not be read: one that is gone is removed if it may have been there,
/// and any other is left out.
fn leave(
    out: &mut impl Write,
    path: Vec<u8>,
    is_tracked: bool,
    error: &io::Error,
    left_out: &mut Vec<LeftOut>,
) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound {
        return if is_tracked {
            remove(out, &path)
        } else {
            Ok(())
        };
    }
    left_out.push(LeftOut {
        path,
        reason: Reason::Unreadable,
    });
    Ok(())
}

/// Ends a line with a path, quoted like a string in C.
fn end_with(out: &mut impl Write, path: &[u8]) -> io::Result<()> {
    let mut quoted = Vec::with_capacity(path.len() + 3);
    quoted.push(b'"');
    for byte in path {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', *byte]),
            b'\n' => quoted.extend(b"\\n"),
            _ => quoted.push(*byte),
        }
    }
    quoted.extend(b"\"\n");
    out.write_all(&quoted)
}

/// Returns the target of a link.
fn link(top: &Arc<OwnedFd>, path: &[u8]) -> io::Result<Vec<u8>> {
    let target = rustix::fs::readlinkat(top, OsStr::from_bytes(path), Vec::new())?;
    Ok(target.into_bytes())
}

/// Returns the time of commits by `ah`, in seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "like git's own time stamps of commits, it is for people and decides nothing"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted() {
        let mut out = Vec::new();
        end_with(&mut out, b"a \"b\"\\\nc\t\xe9").unwrap();
        assert_eq!(out, b"\"a \\\"b\\\"\\\\\\nc\t\xe9\"\n");
    }
}
