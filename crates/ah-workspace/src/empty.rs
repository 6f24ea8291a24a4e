//! The commit without files from which a session without a start begins.

use std::path::Path;

use sha1::Digest as _;

use crate::WorkspaceError;
use crate::git::{EMAIL, NAME};

/// The time of the commit, in seconds: the same for all sessions, so that they share it.
const SECONDS: u64 = 946_684_800;

/// Writes the commit and its tree into a folder of objects, and returns the id of the commit.
pub(crate) fn write(objects: &Path, object_format: &str) -> Result<String, WorkspaceError> {
    let tree = write_object(objects, object_format, "tree", b"")?;
    let who = format!("{NAME} <{EMAIL}> {SECONDS} +0000");
    let commit = format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nEmpty workspace\n");
    write_object(objects, object_format, "commit", commit.as_bytes())
}

/// Writes a loose object, and returns its id.
fn write_object(
    objects: &Path,
    object_format: &str,
    kind: &str,
    content: &[u8],
) -> Result<String, WorkspaceError> {
    let head = format!("{kind} {}\0", content.len());
    let object = [head.as_bytes(), content].concat();
    let id = match object_format {
        "sha256" => hex(&sha2::Sha256::digest(&object)),
        _ => hex(&sha1::Sha1::digest(&object)),
    };
    let (folder, name) = id.split_at(2);
    let folder = objects.join(folder);
    std::fs::create_dir_all(&folder)
        .map_err(WorkspaceError::file("create the folder", folder.clone()))?;
    let path = folder.join(name);
    std::fs::write(&path, stored(&object)).map_err(WorkspaceError::file("write", path))?;
    Ok(id)
}

/// Returns a zlib stream of one block that is not compressed, for at most 64 KiB (RFC 1950, 1951).
fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(content);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in content {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
