//! The ability of an engine to work: the state folder, its disk, and the store.

use std::path::Path;

use ah_store::StoreError;
use rustix::fs::{StatVfsMountFlags, statvfs};
use tokio::sync::watch;

/// The free space below which nothing more can be stored, in bytes. The write-ahead log needs some
/// for each commit.
const SPACE_MIN: u64 = 256 * 1024;

/// The state of the folder and of the store, checked with every renewal of the engine's claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum EngineCondition {
    /// Everything works.
    #[default]
    Good,
    /// Nothing can be written for now, for this reason. Reads go on.
    ReadOnly(String),
    /// The folder or the store is no longer the one that was opened, for this reason. The engine
    /// cannot go on.
    Lost(String),
}

/// The current condition, and the notification of its changes.
pub(crate) type ConditionWatch = watch::Sender<EngineCondition>;

impl EngineCondition {
    /// Combines the findings. `lost` names the part that is no longer in its place, and `renewed`
    /// is the result of the renewal, which is a write.
    pub(crate) fn of(lost: Option<String>, home: &Path, renewed: &Result<(), StoreError>) -> Self {
        if let Some(reason) = lost {
            return Self::Lost(reason);
        }
        let from_store = match renewed {
            Err(StoreError::Unavailable { reason }) => Some(reason.clone()),
            // The cause is in the log. Strangers may read the reason.
            Err(error) => Some(error.to_string()),
            Ok(()) => None,
        };
        match disk_fault(home).or(from_store) {
            Some(reason) => Self::ReadOnly(reason),
            None => Self::Good,
        }
    }

    /// Returns the reason that no request can be written, if any.
    pub(crate) fn fault(&self) -> Option<&str> {
        match self {
            Self::Good => None,
            Self::ReadOnly(reason) | Self::Lost(reason) => Some(reason),
        }
    }
}

/// Returns the reason that the disk of the state folder takes no data, if any.
fn disk_fault(home: &Path) -> Option<String> {
    let disk = match statvfs(home) {
        Ok(disk) => disk,
        Err(error) => return Some(format!("the state folder cannot be examined: {error}")),
    };
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some("the disk of the state folder is mounted read-only; mount it writable".into());
    }
    if disk.f_bavail.saturating_mul(disk.f_frsize) < SPACE_MIN {
        return Some("the disk of the state folder is full; free some space on it".into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_comes_first_and_a_failed_renewal_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let failed = || {
            Err(StoreError::Unavailable {
                reason: "the disk is full".to_owned(),
            })
        };
        let of = |lost: Option<&str>, renewed| {
            EngineCondition::of(lost.map(str::to_owned), folder.path(), &renewed)
        };
        assert_eq!(of(None, Ok(())), EngineCondition::Good);
        let full = EngineCondition::ReadOnly("the disk is full".to_owned());
        assert_eq!(of(None, failed()), full);
        let lost = EngineCondition::Lost("it is gone".to_owned());
        assert_eq!(of(Some("it is gone"), failed()), lost);
        assert_eq!(lost.fault(), Some("it is gone"));
        assert_eq!(EngineCondition::Good.fault(), None);
    }
}
