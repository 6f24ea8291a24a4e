//! The control group (cgroup v2) for the processes of one session, where the host permits one.
//!
//! An optional aid: most hosts grant it to root or to a delegated unit only. With it, the kernel
//! tracks the processes of the session and kills them in one step.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::SessionId;

use ah_agents::SessionFolder;

/// The prefix of a control group's name; the session's id follows.
const PREFIX: &str = "ah-";

/// The control group of a session.
#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Creates the control group of `session` below the own group, and writes its path to `folder`;
    /// `None` if that is not possible.
    pub(crate) fn create(session: SessionId, folder: &SessionFolder) -> Option<Self> {
        let group = Self(own_group()?.join(name_of(session)));
        let note = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.cgroup());
        let path = group.0.as_os_str().as_encoded_bytes();
        note.and_then(|mut note| note.write_all(path)).ok()?;
        match fs::create_dir(&group.0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        // Kernels before 5.14 cannot kill a group; without that it has no use.
        if group.0.join("cgroup.kill").exists() {
            Some(group)
        } else {
            group.remove();
            None
        }
    }

    /// Returns the control group that the recorder of `session` has noted in `folder` and left
    /// behind, if any. It does not depend on the own group, which usually differs from that
    /// recorder's.
    pub(crate) fn left_in(folder: &SessionFolder, session: SessionId) -> Option<Self> {
        let noted = fs::read_to_string(folder.cgroup()).ok()?;
        let path = PathBuf::from(noted);
        (path.ends_with(name_of(session)) && path.is_dir()).then_some(Self(path))
    }

    /// Opens the file through which a process joins the group by writing `0`.
    pub(crate) fn procs_file(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.0.join("cgroup.procs"))
    }

    /// Returns the processes in the group; empty if it cannot be read.
    pub(crate) fn members(&self) -> HashSet<i32> {
        fs::read_to_string(self.0.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    /// Kills every process in the group. The sweep by parentage finds those that this misses.
    pub(crate) fn kill(&self) {
        if let Err(error) = fs::write(self.0.join("cgroup.kill"), "1") {
            tracing::debug!(group = %self.0.display(), %error, "the control group was not killed");
        }
    }

    /// Removes the group. A group with a process remains; the next sweep tries again.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            tracing::debug!(group = %self.0.display(), %error, "the control group stays");
        }
    }
}

/// Moves this process out of the control groups of other sessions, for a recorder that was started
/// inside of one and would be killed with it. Without the right to do so it stays.
pub(crate) fn leave_sessions() {
    let Some(outside) = own_group().and_then(|own| outside_of_sessions(&own)) else {
        return;
    };
    if let Err(error) = fs::write(outside.join("cgroup.procs"), "0") {
        tracing::debug!(group = %outside.display(), %error, "the recorder stays in a control group of a session");
    }
}

/// Returns the nearest group around `own` outside of all sessions; `None` if `own` is in no
/// session's.
fn outside_of_sessions(own: &Path) -> Option<PathBuf> {
    let is_of_session = |group: &&Path| {
        let name = group.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.strip_prefix(PREFIX))
            .is_some_and(|name| name.parse::<SessionId>().is_ok())
    };
    let outermost = own.ancestors().filter(is_of_session).last()?;
    outermost.parent().map(Path::to_owned)
}

fn name_of(session: SessionId) -> String {
    format!("{PREFIX}{session}")
}

fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    group_in(&mounts, &membership)
}

/// Returns the own group: below the mount of the type `cgroup2`, the path after `0::`.
fn group_in(mounts: &str, membership: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        (kind.split(' ').next()? == "cgroup2").then(|| place.split(' ').nth(4))?
    })?;
    let below = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new(mount).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
40 30 0:36 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 30 0:37 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";

    #[test]
    fn own_group_is_below_the_cgroup2_mount() {
        assert_eq!(
            group_in(MOUNTS, "4:cpu:/a\n0::/user.slice/b\n"),
            Some(PathBuf::from("/sys/fs/cgroup/unified/user.slice/b"))
        );
        assert_eq!(
            group_in(MOUNTS, "0::/\n"),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
    }

    #[test]
    fn leftover_group_is_found_by_the_recorded_path() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(dir.path());
        let session = SessionId::from_ulid(ulid::Ulid(1));
        assert!(Cgroup::left_in(&folder, session).is_none());
        let group = dir.path().join("elsewhere").join(name_of(session));
        fs::create_dir_all(&group).unwrap();
        fs::write(folder.cgroup(), group.to_str().unwrap()).unwrap();
        assert_eq!(Cgroup::left_in(&folder, session).unwrap().0, group);
        let other = SessionId::from_ulid(ulid::Ulid(2));
        assert!(
            Cgroup::left_in(&folder, other).is_none(),
            "it is another session's"
        );
        fs::remove_dir(&group).unwrap();
        assert!(Cgroup::left_in(&folder, session).is_none());
    }

    #[test]
    fn nested_session_gets_a_group_outside_of_both() {
        let name = |number| name_of(SessionId::from_ulid(ulid::Ulid(number)));
        let root = Path::new("/sys/fs/cgroup/user.slice");
        assert_eq!(outside_of_sessions(root), None);
        assert_eq!(outside_of_sessions(&root.join("ah-other")), None);
        let inner = root.join(name(1)).join("deeper").join(name(2));
        assert_eq!(outside_of_sessions(&inner), Some(root.to_owned()));
    }

    #[test]
    fn host_without_cgroup2_has_no_group() {
        assert_eq!(group_in("", "0::/\n"), None);
        assert_eq!(group_in(MOUNTS, "4:cpu:/a\n"), None);
    }
}
