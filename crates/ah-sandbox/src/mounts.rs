//! A mount namespace in which most of the host is read-only or out of sight.
//!
//! Access rules do not cover everything: permissions and times of files can be changed, and sockets
//! of other programs reached. Read-only mounts prevent the first, and covered folders the second.

use std::ffi::CString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, StatVfsMountFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change,
    move_mount, open_tree,
};

use crate::access::Access;

/// The options of the file system in memory that covers a folder, and of one that is writable. It
/// holds what programs put into `/tmp` although `TMPDIR` names another folder.
const COVER: &std::ffi::CStr = c"mode=0755,size=4m,nr_inodes=64k";
const SCRATCH: &std::ffi::CStr = c"mode=1777,size=512m,nr_inodes=256k";

/// The option of `/proc` with which a process sees those that it may trace.
const HIDING: &std::ffi::CStr = c"hidepid=ptraceable";

/// The view of processes outside of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherProcesses {
    Visible,
    Hidden,
}

/// A step that failed: its object, and the error.
type Failed = (String, io::Error);

/// Moves this process into a mount namespace of its own with these places. It must have one thread.
///
/// # Errors
/// The namespace cannot be made, with the reason as a clause.
pub(crate) fn enter(access: &Access, others: OtherProcesses) -> Result<(), String> {
    let made = unshare()
        .map_err(|error| ("a namespace of its own".to_owned(), error))
        .and_then(|()| arrange(access, others));
    made.map_err(|(what, error)| format!("{what} could not be mounted: {error}"))
}

/// Leaves the mount namespace of the host. A process without the right to do so enters a user
/// namespace for it, in which its user and group stay the same.
#[expect(unsafe_code, reason = "there is no safe form of unshare")]
fn unshare() -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let flags = match user.is_root() {
        true => libc::CLONE_NEWNS,
        false => libc::CLONE_NEWNS | libc::CLONE_NEWUSER,
    };
    // SAFETY: the process has one thread, and nothing depends on its namespaces yet.
    if unsafe { libc::unshare(flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if !user.is_root() {
        let (user, group) = (user.as_raw(), group.as_raw());
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    // Nothing reaches the mounts of the host, or comes from them.
    let everything = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", everything)?)
}

fn arrange(access: &Access, others: OtherProcesses) -> Result<(), Failed> {
    let of = |path: &Path| {
        let shown = path.display().to_string();
        move |error: io::Error| (shown, error)
    };
    let is_covered = |path: &&PathBuf| access.covered.iter().any(|it| path.starts_with(it));
    // Taken before they are covered. Parents come before their children.
    let mut kept: Vec<(&PathBuf, OwnedFd)> = Vec::new();
    let read = access.read.iter().filter(is_covered);
    let mut places: Vec<&PathBuf> = read.chain(&access.write).collect();
    places.sort();
    places.dedup();
    let writable: Vec<&PathBuf> = access
        .write
        .iter()
        .filter(|path| is_writable(path))
        .chain(access.devices.iter().filter(|path| path.ends_with("shm")))
        .collect();
    for path in places {
        kept.push((path, copy_of(path).map_err(of(path))?));
    }
    for path in &access.covered {
        let options = match access.scratch.contains(path) {
            true => SCRATCH,
            false => COVER,
        };
        make_folder(path).map_err(of(path))?;
        cover(path, options).map_err(of(path))?;
    }
    for (path, copy) in kept {
        make_place(path, &copy).map_err(of(path))?;
        move_mount(
            &copy,
            "",
            CWD,
            path,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        )
        .map_err(io::Error::from)
        .map_err(of(path))?;
    }
    for (link, target) in &access.links {
        if let Some(parent) = link.parent() {
            make_folder(parent).map_err(of(parent))?;
        }
        match symlink(target, link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(of(link)(error));
            }
            _ => {}
        }
    }
    for path in &access.denied {
        deny(path).map_err(of(path))?;
    }
    if others == OtherProcesses::Hidden {
        hide_processes().map_err(of(Path::new("/proc")))?;
    }
    set_read_only(Path::new("/"), ReadOnly::Recursively).map_err(of(Path::new("/")))?;
    for path in writable.into_iter().chain(&access.scratch) {
        set_read_only(path, ReadOnly::Never).map_err(of(path))?;
    }
    Ok(())
}

/// Returns true if a place is on no file system that is read-only already.
fn is_writable(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| !found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn copy_of(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path, flags)?)
}

fn cover(path: &Path, options: &std::ffi::CStr) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("tmpfs", path, "tmpfs", flags, options)?)
}

/// Covers `/proc` with one that shows only processes that this one may trace.
fn hide_processes() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("proc", "/proc", "proc", flags, HIDING)?)
}

/// Covers a place with nothing.
fn deny(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => cover(path, c"mode=0000,size=4k,nr_inodes=1"),
        Ok(_) => {
            let nothing = copy_of(Path::new("/dev/null"))?;
            let whole = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            Ok(move_mount(&nothing, "", CWD, path, whole)?)
        }
        // It is covered with its folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Makes the place of a mount, if it was covered.
fn make_place(path: &Path, copy: &OwnedFd) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let found = rustix::fs::fstat(copy.as_fd())?;
    if rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir() {
        return make_folder(path);
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    File::create(path).map(drop)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadOnly {
    Never,
    Recursively,
}

/// Makes a mount read-only with all below it, or itself writable.
#[expect(unsafe_code, reason = "there is no safe form of mount_setattr")]
fn set_read_only(path: &Path, wanted: ReadOnly) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let (set, clear, flags) = match wanted {
        ReadOnly::Recursively => (libc::MOUNT_ATTR_RDONLY, 0, libc::AT_RECURSIVE),
        ReadOnly::Never => (0, libc::MOUNT_ATTR_RDONLY, 0),
    };
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: clear,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the pointers are to values that outlive the call, and the size is that of the second.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
