//! The lock of a path, whatever folder is there.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sha2::{Digest, Sha256};

use super::error::LockError;

/// Addresses that one process of the host holds. The kernel frees them with the process.
#[derive(Debug)]
pub(super) struct PathLock(
    #[expect(dead_code, reason = "the sockets hold the addresses")] Vec<UnixListener>,
);

/// The process that holds an address.
struct Holder {
    pid: u32,
    user: u32,
}

impl PathLock {
    /// Takes the lock of the path to `home`, as it is named and with all links resolved: a link may
    /// take the place of a folder later, and lead elsewhere. Addresses are missing on a host without
    /// them, and where another user occupies them.
    pub(super) fn take(home: &Path) -> Result<Self, LockError> {
        let named = std::path::absolute(home).map_err(LockError::Io)?;
        let real = std::fs::canonicalize(home).map_err(LockError::Io)?;
        let mut held = Vec::new();
        held.extend(bind(&real)?);
        if named != real {
            held.extend(bind(&named)?);
        }
        Ok(Self(held))
    }
}

/// Holds the address of a path; `None` if there is none for this process.
fn bind(path: &Path) -> Result<Option<UnixListener>, LockError> {
    let name = name(path);
    let bound =
        SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
    let error = match bound {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        tracing::warn!(%error, "the path of the state folder cannot be locked");
        return Ok(None);
    }
    match holder(&name) {
        Some(holder) if ![user(), 0].contains(&holder.user) => {
            tracing::warn!(
                pid = holder.pid,
                user = holder.user,
                "another user occupies the lock of the state folder's path"
            );
            Ok(None)
        }
        holder => Err(LockError::Held(holder.map(|holder| holder.pid))),
    }
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the address of a path and user. It has a fixed length, which a path does not.
fn name(path: &Path) -> Vec<u8> {
    let mut name = format!("agent-harbor/access-point/{}/", user()).into_bytes();
    name.extend(Sha256::digest(path.as_os_str().as_bytes()));
    name
}

/// Returns the process that holds an address, unless it has just ended or does not show itself.
fn holder(name: &[u8]) -> Option<Holder> {
    // A full queue of the listener must not block the caller.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    let address = SocketAddrUnix::new_abstract_name(name).ok()?;
    rustix::net::connect(&socket, &address).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&socket).ok()?;
    Some(Holder {
        pid: peer.pid.as_raw_nonzero().get().unsigned_abs(),
        user: peer.uid.as_raw(),
    })
}
