//! The number of connections that the limit of open files allows.

use rustix::process::{Resource, getrlimit};

/// The descriptors of the server itself: its store, its listener, its log, its runtime.
const OWN: u64 = 64;
/// The descriptors of one session: its recorder's socket, and the pipes of the git processes that
/// make its workspace and its diffs.
const PER_SESSION: u64 = 8;

/// Returns the maximum number of connections: `wanted`, lowered so that `sessions` sessions can run
/// within the soft limit of open files.
pub(super) fn fitted(wanted: usize, sessions: u32) -> usize {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return wanted;
    };
    let fitted = within(limit, wanted, sessions);
    if fitted < wanted {
        tracing::warn!(
            open_files = limit,
            connections = fitted,
            "the limit of open files is too low for `server.max-connections` = {wanted}"
        );
    }
    fitted
}

/// Reserves descriptors for the server and its sessions, but at most half of `limit`.
fn within(limit: u64, wanted: usize, sessions: u32) -> usize {
    let reserved = OWN + PER_SESSION * u64::from(sessions);
    let left = limit - reserved.min(limit / 2);
    wanted
        .min(usize::try_from(left).unwrap_or(usize::MAX))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_sessions() {
        assert_eq!(within(20_000, 4096, 16), 4096);
        assert_eq!(within(1024, 4096, 16), 1024 - 64 - 128);
        assert_eq!(within(64, 4096, 16), 32);
        assert_eq!(within(1024, 100, 16), 100);
        assert_eq!(within(1024, 4096, 10_000), 512);
        assert_eq!(within(1, 4096, 16), 1);
    }
}
