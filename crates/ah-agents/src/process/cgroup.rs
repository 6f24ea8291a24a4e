//! A control group (cgroup v2) for the processes of one session, where the host lets us make one.
//!
//! It is a help, never relied on: most hosts give it to root or to a delegated unit only. Where
//! it is there, the kernel itself knows what belongs to the session and kills it in one step.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::SessionId;

/// A session's control group.
#[derive(Debug)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes the control group of `session` below our own; `None` where that cannot be done.
    pub(crate) fn create(session: SessionId) -> Option<Self> {
        let group = Self(path_for(session)?);
        match fs::create_dir(&group.0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        // Kernels before 5.14 cannot kill a group; without that it is of no use.
        if group.0.join("cgroup.kill").exists() {
            Some(group)
        } else {
            group.remove();
            None
        }
    }

    /// The control group that a recorder of `session` left behind, if it did.
    pub(crate) fn existing(session: SessionId) -> Option<Self> {
        path_for(session).filter(|path| path.is_dir()).map(Self)
    }

    /// The file that a process joins the group by, writing `0`.
    pub(crate) fn door(&self) -> io::Result<File> {
        File::options()
            .write(true)
            .open(self.0.join("cgroup.procs"))
    }

    /// The processes in it; none when that cannot be read.
    pub(crate) fn members(&self) -> HashSet<i32> {
        fs::read_to_string(self.0.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    /// Kills every process in it. What this misses the sweep by parentage finds.
    pub(crate) fn kill(&self) {
        if let Err(error) = fs::write(self.0.join("cgroup.kill"), "1") {
            tracing::debug!(group = %self.0.display(), %error, "the control group was not killed");
        }
    }

    /// Removes it. A group that still has a process stays; the next sweep tries again.
    pub(crate) fn remove(&self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            tracing::debug!(group = %self.0.display(), %error, "the control group stays");
        }
    }
}

fn path_for(session: SessionId) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own_group(&mounts, &membership)?;
    Some(own.join(format!("ah-{session}")))
}

/// Where our own group is: below the mount of the type `cgroup2`, the path after `0::`.
fn own_group(mounts: &str, membership: &str) -> Option<PathBuf> {
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
    fn our_group_is_below_the_mount_of_the_second_version() {
        assert_eq!(
            own_group(MOUNTS, "4:cpu:/a\n0::/user.slice/b\n"),
            Some(PathBuf::from("/sys/fs/cgroup/unified/user.slice/b"))
        );
        assert_eq!(
            own_group(MOUNTS, "0::/\n"),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
    }

    #[test]
    fn a_host_without_the_second_version_has_none() {
        assert_eq!(own_group("", "0::/\n"), None);
        assert_eq!(own_group(MOUNTS, "4:cpu:/a\n"), None);
    }
}
