//! Mounts of overlay file systems.
//!
//! A mount outlives the process that made it, as a folder does.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

/// The type of an overlay file system, as statfs(2) returns it.
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// The folders of an overlay file system.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    /// The folder below, which is only read.
    pub(crate) lower: PathBuf,
    /// The folder that contains the differences.
    pub(crate) upper: PathBuf,
    /// A folder for the file system's own use.
    pub(crate) work: PathBuf,
}

impl Layers {
    /// Mounts the overlay at `path`, a folder.
    pub(crate) fn mount(&self, path: &Path) -> io::Result<()> {
        let mut options = Vec::new();
        let layers = [
            ("lowerdir=", &self.lower),
            (",upperdir=", &self.upper),
            (",workdir=", &self.work),
        ];
        for (name, folder) in layers {
            options.extend(name.as_bytes());
            options.extend(escaped(folder));
        }
        // Without the first one, rename(2) of a folder of the lower layer fails. The others are set
        // because their defaults are an option of the kernel.
        options.extend(b",redirect_dir=on,index=off,metacopy=off");
        let options = CString::new(options)?;
        rustix::mount::mount("overlay", path, "overlay", MountFlags::empty(), &*options)?;
        Ok(())
    }
}

/// Returns true if an overlay is mounted at `path` itself.
pub(crate) fn is_overlay(path: &Path) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = rustix::fs::statx(CWD, path, flags, StatxFlags::TYPE);
    let is_root = found.is_ok_and(|it| it.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    is_root && rustix::fs::statfs(path).is_ok_and(|it| it.f_type.cast_unsigned() == OVERLAY_MAGIC)
}

/// Unmounts the overlay at `path`, if there is one. Processes that still use its files keep them until
/// they close them.
pub(crate) fn unmount(path: &Path) -> io::Result<()> {
    while is_overlay(path) {
        match rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            // Another process was faster.
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Returns a path for the options of a mount, in which three characters separate.
fn escaped(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        if br"\,:".contains(byte) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}
