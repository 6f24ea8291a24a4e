//! An overlay file system over a prepared checkout.
//!
//! A file of the workspace has the inode number and the times of the file below until it is written.
//! So the index of the prepared checkout is that of the workspace, too. The probe verifies this.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Provider;
use crate::WorkspaceError;
use crate::bases;
use crate::mounts::{self, Layers};
use crate::record::Workspace;

/// Mounts an overlay for each workspace, in the mount namespace of this process.
#[derive(Debug)]
pub(crate) struct Overlay;

impl Provider for Overlay {
    fn probe(&self, place: &Path) -> Result<(), String> {
        let folder = tempfile::Builder::new()
            .prefix(bases::PROBE)
            .tempdir_in(place)
            .map_err(|error| format!("it could not be tried out: {error}"))?;
        let at = folder.path();
        let merged = at.join("merged");
        let tried = try_out(at, &merged);
        // Otherwise the folder could not be removed.
        let unmounted = mounts::unmount(&merged);
        tried.and_then(|()| unmounted.map_err(|error| format!("unmounting failed: {error}")))
    }

    fn provision(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        let layers = layers_of(workspace)?;
        for folder in [&layers.upper, &layers.work, &workspace.path] {
            fs::create_dir_all(folder)
                .map_err(WorkspaceError::file("create the folder", folder))?;
        }
        self.restore(workspace)
    }

    fn restore(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        let path = &workspace.path;
        if mounts::is_overlay(path) {
            return Ok(());
        }
        let layers = layers_of(workspace)?;
        let mounted = layers.mount(path);
        mounted.map_err(WorkspaceError::file("mount an overlay at", path))
    }

    fn remove(&self, path: &Path) -> Result<(), WorkspaceError> {
        mounts::unmount(path).map_err(WorkspaceError::file("unmount", path))
    }
}

/// Returns the folder of the layers of the workspace at `path`.
pub(crate) fn layers_folder(path: &Path) -> PathBuf {
    path.with_extension("overlay")
}

fn layers_of(workspace: &Workspace) -> Result<Layers, WorkspaceError> {
    let missing = || io::Error::other("the workspace has no prepared checkout");
    let base = workspace.base.as_deref().ok_or_else(missing);
    let base = base.map_err(WorkspaceError::file("mount an overlay at", &workspace.path))?;
    let folder = layers_folder(&workspace.path);
    Ok(Layers {
        lower: bases::tree_of(base),
        upper: folder.join("upper"),
        work: folder.join("work"),
    })
}

/// Mounts an overlay, reads through it and writes to it.
fn try_out(at: &Path, merged: &Path) -> Result<(), String> {
    let layers = Layers {
        lower: at.join("lower"),
        upper: at.join("upper"),
        work: at.join("work"),
    };
    let prepared = (|| {
        for folder in [&layers.lower, &layers.upper, &layers.work] {
            fs::create_dir(folder)?;
        }
        fs::create_dir(merged)?;
        fs::write(layers.lower.join("file"), "lower")
    })();
    prepared.map_err(|error| format!("it could not be tried out: {error}"))?;
    layers.mount(merged).map_err(|error| reason_of(&error))?;
    let stamp = |folder: &Path| crate::scan::stamp_of_file(&folder.join("file"));
    let read =
        |folder| stamp(folder).map_err(|error| format!("reading through it failed: {error}"));
    if read(merged)? != read(&layers.lower)? {
        return Err("it changes the inode numbers of this file system".to_owned());
    }
    fs::write(merged.join("file"), "upper")
        .map_err(|error| format!("writing through it failed: {error}"))
}

fn reason_of(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::PERM | Errno::ACCESS) => {
            "only root may mount here, and mounts in a user namespace are not supported yet"
                .to_owned()
        }
        Some(Errno::NODEV) => "the kernel has no overlay file system".to_owned(),
        Some(Errno::INVAL) => {
            "the file system of the state folder cannot be the upper layer of an overlay".to_owned()
        }
        _ => format!("mounting failed: {error}"),
    }
}
