//! Prepared checkouts: one for each repository and commit, from which workspaces start.
//!
//! ```text
//! bases/<key>/tree        the files, which nothing changes
//! bases/<key>/index       the index of the checkout
//! bases/<key>/base.json   the record; its modification time is that of the last use
//! bases/<key>.lock        held while the checkout is made, handed out or removed
//! bases/<key>.tmp         an unfinished or removed checkout
//! ```
//!
//! A checkout is made under a temporary name and renamed, so that it is never partial after the crash
//! of a process. A crash of the machine may lose content that was not synced. So the record names the
//! boot in which the files were last known to be whole, and the first use in another boot compares
//! them with the index.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use crate::commit_settings::SettingValues;
use crate::config_text::ConfigText;
use crate::folder::{self, is_folder, is_there};
use crate::git::{Git, TRANSFER_LIMIT};
use crate::layout::GitFolder;
use crate::lock::FileLock;
use crate::mirror::LOCK_WAIT;
use crate::record::WorkspaceRecord;
use crate::session_folders::{INDEX, Remarks};
use crate::{WorkspaceError, index, mounts, scan};

/// The prefix of the folders in which a provider is tried out.
pub(crate) const PROBE: &str = "probe-";
/// The default maximum size of all prepared checkouts, in bytes.
pub(crate) const BYTES_MAX: u64 = 10 << 30;
const RECORD: &str = "base.json";
const BRANCH: &str = "refs/heads/base";
/// The settings that decide how files are written.
const SETTINGS: [&str; 2] = ["core.autocrlf", "core.eol"];
/// The size of a block of most file systems, in which files are counted.
const BLOCK: u64 = 4096;

/// The prepared checkouts of this host.
#[derive(Debug)]
pub(crate) struct Bases {
    folder: PathBuf,
    bytes_max: u64,
    /// The turn of each checkout in use, by its path, which saves a blocked thread per waiting task.
    /// The outer lock protects the map and is held for look-ups only.
    turns: Mutex<HashMap<PathBuf, Weak<AsyncMutex<()>>>>,
}

/// A description of a checkout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The repository with the commit.
    pub(crate) repository: &'a Path,
    /// The full id.
    pub(crate) commit: &'a str,
    pub(crate) object_format: &'static str,
    pub(crate) settings: &'a SettingValues,
    /// The folder of the records of workspaces.
    pub(crate) records: &'a Path,
}

/// The record of a prepared checkout.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BaseRecord {
    repository: PathBuf,
    commit: String,
    /// The size of its files, in bytes.
    bytes: u64,
    /// The boot of the host in which its files were known to be whole.
    boot: String,
    remarks: Remarks,
}

/// A prepared checkout. Nothing removes it while this exists, or once the record of a workspace names
/// it.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) path: PathBuf,
    pub(crate) remarks: Remarks,
    _lock: FileLock,
}

impl Base {
    /// Returns the index of the checkout at `path`.
    pub(crate) fn index_of(path: &Path) -> PathBuf {
        path.join(INDEX)
    }
}

/// Returns the files of the checkout at `path`.
pub(crate) fn tree_of(path: &Path) -> PathBuf {
    path.join("tree")
}

impl Bases {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            bytes_max: BYTES_MAX,
            turns: Mutex::default(),
        }
    }

    pub(crate) const fn set_bytes_max(&mut self, bytes: u64) {
        self.bytes_max = bytes;
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the prepared checkout, which is made if there is none. Callers that ask for the same
    /// one wait for the first.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a checkout is made once; git and the file lock have limits"
    )]
    pub(crate) async fn acquire(
        &self,
        git: &Git,
        wanted: Wanted<'_>,
    ) -> Result<Base, WorkspaceError> {
        let path = self.folder.join(key_of(wanted));
        let turn = self.turn(&path);
        let _turn = turn.lock().await;
        let lock = FileLock::acquire(&lock_of(&path), LOCK_WAIT).await?;
        let record = match usable(&path).await? {
            Some(record) => record,
            None => {
                folder::remove(path.clone()).await?;
                let record = fill(git, &path, wanted, &lock).await?;
                self.shrink(wanted.records, &path);
                record
            }
        };
        Ok(Base {
            path,
            remarks: record.remarks,
            _lock: lock,
        })
    }

    /// Removes the checkouts that were used least recently, but for `kept` and those of workspaces,
    /// until the others fit into the limit. A failure is logged. Blocks.
    fn shrink(&self, records: &Path, kept: &Path) {
        let mut all = list(&self.folder);
        let mut bytes: u64 = all.values().map(|(bytes, _)| bytes).sum();
        if bytes <= self.bytes_max {
            return;
        }
        all.remove(kept);
        let Some(used) = bases_of(records) else {
            return;
        };
        let mut free: Vec<_> = all.into_iter().filter(|it| !used.contains(&it.0)).collect();
        free.sort_by_key(|(_, (_, used_at))| *used_at);
        for (path, (size, _)) in free {
            if bytes <= self.bytes_max {
                break;
            }
            match remove_unused(&path, records) {
                Ok(true) => bytes = bytes.saturating_sub(size),
                Ok(false) => {}
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "a prepared checkout could not be removed");
                }
            }
        }
    }

    fn turn(&self, path: &Path) -> Arc<AsyncMutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(path).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(path.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

/// Returns the name of a checkout.
fn key_of(wanted: Wanted<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(wanted.commit);
    for (name, value) in relevant(wanted.settings) {
        hash.update(format!("\0{name}={value}"));
    }
    let hash = hash.finalize();
    let hash: String = hash.iter().take(10).map(|b| format!("{b:02x}")).collect();
    let repository = wanted.repository.file_stem().unwrap_or_default();
    format!("{}-{hash}", repository.to_string_lossy())
}

/// Returns the settings that decide how files are written.
fn relevant(settings: &SettingValues) -> impl Iterator<Item = (&str, &str)> {
    let shown = settings.iter();
    let shown = shown.map(|(name, value)| (*name, value.as_deref().unwrap_or("true")));
    shown.filter(|(name, _)| SETTINGS.contains(name))
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_added_extension("lock")
}

fn temporary_of(path: &Path) -> PathBuf {
    path.with_added_extension("tmp")
}

/// Reads the record of the checkout at `path`, and notes its use. `None` if it does not exist or is
/// damaged.
async fn usable(path: &Path) -> Result<Option<BaseRecord>, WorkspaceError> {
    let Some(mut record) = read(path) else {
        return Ok(None);
    };
    let boot = boot_id()?;
    if record.boot == boot {
        let file = path.join(RECORD);
        touch(&file).map_err(WorkspaceError::file("set the time of", file))?;
        return Ok(Some(record));
    }
    let (checked, id_length) = (path.to_owned(), record.commit.len() / 2);
    let check = move || {
        let entries = index::read(&Base::index_of(&checked), id_length)?;
        Ok(scan::is_as_checked_out(&tree_of(&checked), &entries))
    };
    if !crate::snapshot::blocking(check).await.unwrap_or(false) {
        tracing::warn!(path = %path.display(), "a damaged prepared checkout is made again");
        return Ok(None);
    }
    record.boot = boot;
    write(path, &record)?;
    Ok(Some(record))
}

fn read(path: &Path) -> Option<BaseRecord> {
    let bytes = fs::read(path.join(RECORD)).ok()?;
    let record = serde_json::from_slice(&bytes).ok()?;
    (is_folder(&tree_of(path)) && Base::index_of(path).is_file()).then_some(record)
}

fn write(path: &Path, record: &BaseRecord) -> Result<(), WorkspaceError> {
    let file = path.join(RECORD);
    let bytes = serde_json::to_vec_pretty(record).map_err(|source| WorkspaceError::Record {
        path: file.clone(),
        source,
    })?;
    let written = folder::write_whole(&file, &bytes).map(drop);
    written.map_err(WorkspaceError::file("write", file))
}

/// Makes a checkout under a temporary name, and renames it.
async fn fill(
    git: &Git,
    path: &Path,
    wanted: Wanted<'_>,
    lock: &FileLock,
) -> Result<BaseRecord, WorkspaceError> {
    let unfinished = temporary_of(path);
    folder::remove(unfinished.clone()).await?;
    let (git_dir, tree) = (unfinished.join("git"), tree_of(&unfinished));
    folder::make_private(&unfinished)?;
    fs::create_dir(&tree).map_err(WorkspaceError::file("create the folder", &tree))?;
    let mut config = ConfigText::of_repository(wanted.object_format, false);
    for (name, value) in relevant(wanted.settings) {
        config.set(name, value);
    }
    let own = GitFolder {
        head: BRANCH.to_owned(),
        config,
        alternates: vec![wanted.repository.join("objects")],
        shallow: fs::read(wanted.repository.join("shallow")).ok(),
        refs: BTreeMap::from([(BRANCH.to_owned(), wanted.commit.to_owned())]),
        ..GitFolder::default()
    };
    own.create(&git_dir)?;
    let args = ["reset", "--hard", "--quiet", "HEAD", "--"];
    let call = git.own_call("write the files", args).git_dir(&git_dir);
    let call = call.work_tree(&tree).under(lock).within(TRANSFER_LIMIT);
    let written = call.run().await;
    written.map_err(|error| folder::or_full(error, &tree))?;
    let (from, to) = (git_dir.join(INDEX), Base::index_of(&unfinished));
    fs::rename(&from, &to).map_err(WorkspaceError::file("move the index", &from))?;
    // An index that is newer than its files needs none of them to be read again.
    touch(&to).map_err(WorkspaceError::file("set the time of", &to))?;
    folder::remove(git_dir).await?;
    let (repository, commit) = (wanted.repository.to_owned(), wanted.commit.to_owned());
    let boot = boot_id()?;
    let described = move || {
        let entries = index::read(&to, commit.len() / 2)?;
        let blocks = entries
            .iter()
            .map(|it| u64::from(it.stamp.size).div_ceil(BLOCK).max(1));
        Ok(BaseRecord {
            repository,
            commit,
            bytes: blocks.sum::<u64>() * BLOCK,
            boot,
            remarks: Remarks::on(&entries, &tree),
        })
    };
    let record = crate::snapshot::blocking(described).await?;
    write(&unfinished, &record)?;
    fs::rename(&unfinished, path)
        .map_err(WorkspaceError::file("finish the prepared checkout", path))?;
    Ok(record)
}

/// Returns the checkouts with their sizes and the times of their last use.
fn list(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let described = |path: PathBuf| {
        let record = read(&path)?;
        let used_at = fs::metadata(path.join(RECORD)).and_then(|it| it.modified());
        Some((path, (record.bytes, used_at.ok()?)))
    };
    entries.filter_map(|it| described(it.path())).collect()
}

/// Returns the checkouts that workspaces use; `None` if that is not known.
fn bases_of(records: &Path) -> Option<HashSet<PathBuf>> {
    let mut bases = HashSet::new();
    for entry in fs::read_dir(records).ok()? {
        let path = entry.ok()?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let record = WorkspaceRecord::read(&path).ok()?;
            bases.extend(record.and_then(|record| record.base));
        }
    }
    Some(bases)
}

/// Removes a checkout unless a workspace uses it or is about to, and returns true if it was removed.
/// Blocks.
fn remove_unused(path: &Path, records: &Path) -> io::Result<bool> {
    let Some(lock) = FileLock::try_acquire(&lock_of(path))? else {
        return Ok(false);
    };
    // The records are read again under the lock, under which they are written.
    if bases_of(records).is_none_or(|used| used.contains(path)) {
        return Ok(false);
    }
    let removed = temporary_of(path);
    folder::remove_now(&removed)?;
    if is_there(path) {
        fs::rename(path, &removed)?;
        folder::remove_now(&removed)?;
    }
    lock.remove_file().map_err(io::Error::other)?;
    Ok(true)
}

/// Removes what killed processes left of checkouts and of probes. A failure is logged. Blocks.
pub(crate) fn remove_temporaries(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        let removed = if name.starts_with(PROBE) && crate::remains::is_old_file(&path) {
            mounts::unmount(&path.join("merged")).and_then(|()| folder::remove_now(&path))
        } else if let Some(base) = name.strip_suffix(".tmp") {
            match FileLock::try_acquire(&lock_of(&folder.join(base))) {
                Ok(Some(_lock)) => folder::remove_now(&path),
                other => other.map(drop),
            }
        } else {
            continue;
        };
        if let Err(error) = removed {
            tracing::debug!(path = %path.display(), %error, "an unfinished checkout stays");
        }
    }
}

/// Sets the modification time to the clock of the file system.
fn touch(file: &Path) -> io::Result<()> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    rustix::fs::utimensat(CWD, file, &times, AtFlags::empty())?;
    Ok(())
}

/// Returns the id of this boot of the host.
fn boot_id() -> Result<String, WorkspaceError> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(path).map_err(WorkspaceError::file("read", path))?;
    Ok(text.trim().to_owned())
}
