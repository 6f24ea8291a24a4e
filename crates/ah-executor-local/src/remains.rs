//! The remains of ended sessions on this host.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ah_agents::SessionFolder;
use ah_executor::{ExecutorError, LogRetention};
use ah_rest_api_contract::SessionId;
use ah_workspace::Workspaces;
use tokio::time::Instant;

use crate::error::workspace_error;

/// The maximum wait for the end of a recorder whose session has ended. It sends the rest of its
/// journal for at most 5 s.
const RECORDER_END_MAX: Duration = Duration::from_secs(7);
/// The pause between two checks of the recorder.
const RECORDER_CHECK_EVERY: Duration = Duration::from_millis(20);
/// The age from which a kept log is removed.
const LOG_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Removes the folder and the control group of an ended session's recorder, once it is gone.
pub(crate) async fn remove(
    session: SessionId,
    folder: &SessionFolder,
    log: LogRetention,
) -> Result<(), ExecutorError> {
    let failed =
        |error| ExecutorError::caused_by("its recorder's folder could not be removed", error);
    let give_up_at = Instant::now() + RECORDER_END_MAX;
    while ah_recorder::is_alive(folder).map_err(failed)? {
        if Instant::now() >= give_up_at {
            return Err(ExecutorError::new("its recorder has not ended yet"));
        }
        tokio::time::sleep(RECORDER_CHECK_EVERY).await;
    }
    ah_recorder::remove_group(session, folder).await;
    ah_agents::home::remove(folder).await.map_err(failed)?;
    let folder = folder.clone();
    let clear = move || {
        let path = folder.log();
        let is_kept = log == LogRetention::Keep && !is_old(&path);
        folder.clear(is_kept.then_some(&*path))
    };
    tokio::task::spawn_blocking(clear)
        .await
        .unwrap_or_else(|error| Err(error.into()))
        .map_err(failed)
}

fn is_old(log: &Path) -> bool {
    let modified = std::fs::metadata(log).and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= LOG_KEPT_FOR))
}

/// Returns sessions of which something is left, at most `limit`, and removes the control groups and
/// temporary files that belong to no session.
pub(crate) fn list(
    sessions: &Path,
    workspaces: &Workspaces,
    limit: usize,
) -> Result<Vec<SessionId>, ExecutorError> {
    let entries = match std::fs::read_dir(sessions) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        entries => Some(entries.map_err(|error| {
            ExecutorError::caused_by("the folder of sessions cannot be read", error)
        })?),
    };
    let removed =
        ah_recorder::remove_abandoned_groups(|session| sessions.join(session.to_string()).exists());
    if removed > 0 {
        tracing::info!(removed, "control groups of unknown sessions were removed");
    }
    let mut left: BTreeSet<SessionId> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| SessionFolder::at(path).has_remains(LOG_KEPT_FOR))
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok())
        .take(limit)
        .collect();
    let workspaces = workspaces.remains(limit).map_err(workspace_error)?;
    left.extend(workspaces);
    Ok(left.into_iter().take(limit).collect())
}
