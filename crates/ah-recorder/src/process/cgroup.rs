//! The control group (cgroup v2) for the processes of one session, where the host permits one.
//!
//! An optional aid: most hosts grant it to root or to a delegated unit only. With it, the kernel
//! tracks the processes of the session and kills them in one step.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ah_rest_api_contract::SessionId;
use tokio::time::Instant;

use super::{GroupEntry, LOOK_AGAIN};
use ah_agents::SessionFolder;

/// The prefix of a control group's name; the session's id follows.
const PREFIX: &str = "ah-";

/// The maximum time to remove a group whose processes were killed. Until the kernel has ended them,
/// the group cannot be removed.
const REMOVAL_WAIT_MAX: Duration = Duration::from_secs(2);

/// The age from which an empty group without a session folder is abandoned. A recorder puts its
/// agent into its group earlier, or ends.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The control group of a session, and the file that names it.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    note: PathBuf,
}

impl Cgroup {
    /// Creates the control group of `session` below the own group, and writes its path to `folder`;
    /// `None` if that is not possible.
    pub(crate) fn create(session: SessionId, folder: &SessionFolder) -> Option<Self> {
        let group = Self {
            path: parent_group()?.join(name_of(session)),
            note: folder.cgroup(),
        };
        let note = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&group.note);
        let path = group.path.as_os_str().as_encoded_bytes();
        note.and_then(|mut note| note.write_all(path)).ok()?;
        let is_there = match fs::create_dir(&group.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::AlreadyExists,
        };
        // Kernels before 5.14 cannot kill a group; without that it has no use.
        if is_there && group.path.join("cgroup.kill").exists() {
            Some(group)
        } else {
            group.remove();
            None
        }
    }

    /// Returns the control group that the recorder of `session` left behind, if any: the one noted
    /// in `folder`, which usually is below another parent than the groups of this process, or else
    /// the one below the own parent.
    pub(crate) fn left_in(folder: &SessionFolder, session: SessionId) -> Option<Self> {
        let name = name_of(session);
        let is_left = |path: &PathBuf| path.ends_with(&name) && path.is_dir();
        let noted = fs::read_to_string(folder.cgroup()).ok();
        let path = noted.map(PathBuf::from).filter(is_left).or_else(|| {
            parent_group()
                .map(|parent| parent.join(&name))
                .filter(is_left)
        })?;
        Some(Self {
            path,
            note: folder.cgroup(),
        })
    }

    /// Opens the way of a new process into the group.
    pub(crate) fn entry(&self) -> io::Result<GroupEntry> {
        Ok(GroupEntry {
            group: File::open(&self.path)?,
            procs: File::options()
                .write(true)
                .open(self.path.join("cgroup.procs"))?,
        })
    }

    /// Returns the processes in the group; empty if it cannot be read.
    pub(crate) fn members(&self) -> HashSet<i32> {
        fs::read_to_string(self.path.join("cgroup.procs"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    /// Kills every process in the group. The sweep by parentage finds those that this misses.
    fn kill(&self) {
        if let Err(error) = fs::write(self.path.join("cgroup.kill"), "1") {
            tracing::debug!(group = %self.path.display(), %error, "the control group was not killed");
        }
    }

    /// Kills every process in the group, and removes it with its subgroups and its note, within
    /// [`REMOVAL_WAIT_MAX`]. A group that stays is logged; the next sweep tries again.
    pub(crate) async fn end(&self) {
        self.kill();
        let give_up_at = Instant::now() + REMOVAL_WAIT_MAX;
        let (mut pause, pause_max) = LOOK_AGAIN;
        while let Err(error) = remove_groups(&self.path) {
            if Instant::now() >= give_up_at {
                tracing::warn!(group = %self.path.display(), %error, "the control group stays");
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
        self.remove_note();
    }

    /// Removes the group, which has had no process yet, and its note.
    pub(crate) fn remove(&self) {
        match remove_groups(&self.path) {
            Ok(()) => self.remove_note(),
            Err(error) => {
                tracing::debug!(group = %self.path.display(), %error, "the control group stays");
            }
        }
    }

    fn remove_note(&self) {
        if let Err(error) = crate::files::remove(&self.note) {
            tracing::debug!(note = %self.note.display(), %error, "the note of a group stays");
        }
    }
}

/// Removes the groups of sessions below the own parent group that were abandoned: those without a
/// process, older than a minute, of sessions that `has_folder` rejects. They are left when
/// a recorder is killed and its state folder is removed. Returns their number.
pub fn remove_abandoned_groups(has_folder: impl Fn(SessionId) -> bool) -> usize {
    parent_group().map_or(0, |parent| remove_abandoned_in(&parent, has_folder))
}

fn remove_abandoned_in(parent: &Path, has_folder: impl Fn(SessionId) -> bool) -> usize {
    let Ok(entries) = fs::read_dir(parent) else {
        return 0;
    };
    let is_abandoned = |path: &PathBuf| {
        let is_old = fs::metadata(path)
            .and_then(|found| found.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= ABANDONED_AFTER));
        session_of(path).is_some_and(|session| !has_folder(session)) && is_old && is_empty(path)
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_abandoned)
        .filter(|path| remove_groups(path).is_ok())
        .count()
}

/// Returns true if neither the group nor a group below it has a process.
fn is_empty(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events"))
        .is_ok_and(|events| events.lines().any(|line| line == "populated 0"))
}

/// Removes a group and all groups below it, the deepest first. A missing group is a success.
fn remove_groups(root: &Path) -> io::Result<()> {
    // Iterative, because an agent determines the depth.
    let mut groups = vec![root.to_owned()];
    let mut next = 0;
    while let Some(group) = groups.get(next) {
        let entries = match fs::read_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?.collect::<io::Result<Vec<_>>>()?,
        };
        for entry in entries {
            if entry.file_type()?.is_dir() {
                groups.push(entry.path());
            }
        }
        next += 1;
    }
    for group in groups.iter().rev() {
        match fs::remove_dir(group) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
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
    let outermost = own
        .ancestors()
        .filter(|group| session_of(group).is_some())
        .last()?;
    outermost.parent().map(Path::to_owned)
}

/// Returns the session that a group belongs to, by its name.
fn session_of(group: &Path) -> Option<SessionId> {
    let name = group.file_name()?.to_str()?;
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// Returns the parent of the groups of sessions: the own group, or the nearest group around it
/// outside of all sessions.
fn parent_group() -> Option<PathBuf> {
    let own = own_group()?;
    Some(outside_of_sessions(&own).unwrap_or(own))
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
        assert_eq!(Cgroup::left_in(&folder, session).unwrap().path, group);
        let other = SessionId::from_ulid(ulid::Ulid(2));
        assert!(
            Cgroup::left_in(&folder, other).is_none(),
            "it is another session's"
        );
        fs::remove_dir(&group).unwrap();
        assert!(Cgroup::left_in(&folder, session).is_none());
    }

    #[tokio::test]
    async fn a_group_is_removed_with_its_subgroups_and_its_note() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(dir.path());
        let group = Cgroup {
            path: dir.path().join("group"),
            note: folder.cgroup(),
        };
        fs::create_dir_all(group.path.join("of an agent/deeper")).unwrap();
        fs::write(&group.note, "group").unwrap();
        // The kernel removes the files of a group with it; here they would keep it.
        remove_groups(&group.path).unwrap();
        group.end().await;
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_old_empty_groups_without_a_folder_are_abandoned() {
        let Some(parent) = parent_group() else {
            eprintln!("skipped: this host has no control groups of version 2");
            return;
        };
        let session = SessionId::from_ulid(ulid::Ulid(u128::from(std::process::id())));
        let group = parent.join(name_of(session));
        if let Err(error) = fs::create_dir_all(group.join("of-an-agent")) {
            eprintln!("skipped: a control group cannot be created: {error}");
            return;
        }
        // Groups of other tests are not touched.
        let of_others = |id| id != session;
        assert_eq!(remove_abandoned_in(&parent, of_others), 0, "it is new");
        let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        File::open(&group).unwrap().set_times(times).unwrap();
        assert_eq!(remove_abandoned_in(&parent, |_| true), 0, "it has a folder");
        let mut member = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let joined = fs::write(
            group.join("of-an-agent/cgroup.procs"),
            member.id().to_string(),
        );
        joined.unwrap();
        assert_eq!(
            remove_abandoned_in(&parent, of_others),
            0,
            "it has a process"
        );
        member.kill().unwrap();
        member.wait().unwrap();
        assert_eq!(remove_abandoned_in(&parent, of_others), 1);
        assert!(!group.exists());
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
