//! Creation of a session's workspace and start of its recorder.

use std::time::Duration;

use ah_lifecycle::Change;
use ah_lifecycle::end::ProcessEnd;
use ah_lifecycle::start;
use ah_rest_api_contract::{
    AgentSelection, EventPayload, Log, LogLevel, Progress, PromptId, RepositorySource, RuntimeType,
    SandboxProfile, SessionStatus, SupervisorPhase,
};
use ah_store::{Inconsistency, NewEvent, StoreError};

use super::{Supervisor, SupervisorError};
use crate::shortage;
use ah_executor::{AgentLaunch, ExecutorError, Provisioned, WorkspaceRequest};

/// The maximum time until an agent is ready for a prompt. The slowest known agent takes 9 s on an
/// idle machine.
const AGENT_READY_MAX: Duration = Duration::from_secs(120);

/// The time between two looks at the progress of a workspace. A workspace of a local repository is
/// usually complete before the first one.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// The percentage after which progress is an event, so that a stage has at most eleven.
const PROGRESS_STEP: u8 = 10;

/// The writes to the store that a created workspace still needs.
struct Taken {
    /// The address of the repository and its default branch, if known.
    default_branch: Option<(String, String)>,
    /// The change of the session, unless it has the workspace already.
    change: Option<Change>,
}

impl Supervisor {
    /// Starts a session that has no recorder yet, or ends one that is to be stopped.
    pub(super) async fn bring_up(&mut self) -> Result<(), SupervisorError> {
        match self.view.record.session.status {
            SessionStatus::Provisioning => {}
            SessionStatus::Stopping => return self.conclude(ProcessEnd::Unneeded).await,
            // The session has run and the folder of its recorder is gone.
            _ => {
                return self.conclude(ProcessEnd::RecorderLost { swept: 0 }).await;
            }
        }
        let request = match self.workspace_request() {
            Ok(request) => request,
            Err(error) => {
                let reason = ah_rest_api_contract::error_chain(&error);
                return self.conclude(ProcessEnd::NeverStarted { reason }).await;
            }
        };
        self.enter(SupervisorPhase::BringingUp);
        // Without a recorder there is nothing to catch up with, and the start of the engine must not
        // wait for a repository that does not answer.
        self.notify_caught_up();
        let executor = self.core.executor.clone();
        let provision = executor.provision(&request);
        tokio::pin!(provision);
        let mut reported = None;
        let provisioned = loop {
            tokio::select! {
                provisioned = &mut provision => break provisioned,
                waited = tokio::time::timeout(PROGRESS_EVERY, self.wait_until_unneeded()) => {
                    if let Ok(unwanted) = waited {
                        return unwanted;
                    }
                    // The wait may have been cut short after it had seen a change.
                    self.reload().await?;
                    if self.view.record.session.status != SessionStatus::Provisioning {
                        return Ok(());
                    }
                    self.report_progress(&mut reported).await?;
                }
            }
        };
        let taken = match provisioned {
            Ok(mut provisioned) => {
                let agent = &self.view.record.session.agent.agent_type;
                let isolation = self
                    .core
                    .executor
                    .isolation(self.sandbox(), Some(agent))
                    .await;
                provisioned.workspace = provisioned.workspace.with_isolation(isolation);
                self.take_workspace(provisioned)
            }
            // The session waits until the host has what it lacks.
            Err(error) if shortage::caused(&error) => return Err(error.into()),
            Err(error) => {
                let reason = self.explained("the workspace could not be created", &error);
                return self.conclude(ProcessEnd::NeverStarted { reason }).await;
            }
        };
        let launch = match self.agent_launch() {
            Ok(launch) => launch,
            Err(reason) => {
                return self.conclude(ProcessEnd::NeverStarted { reason }).await;
            }
        };
        // The recorder begins while the workspace is written to the log. It starts no agent before
        // a supervisor attaches to it, and none attaches before that is written.
        let executor = self.core.executor.clone();
        let (written, launched) =
            tokio::join!(self.write_workspace(taken), executor.launch(&launch));
        written?;
        if let Err(error) = launched {
            if shortage::caused(&error) {
                return Err(error.into());
            }
            let reason = self.explained("the agent could not be started", &error);
            return self.conclude(ProcessEnd::NeverStarted { reason }).await;
        }
        Ok(())
    }

    /// Logs a failure of the host, and returns it as a reason for clients.
    pub(super) fn explained(&self, what: &str, error: &ExecutorError) -> String {
        let shown = error as &dyn std::error::Error;
        tracing::warn!(session.id = %self.id, error = shown, "{what}");
        format!("{what}: {}", error.explanation())
    }

    /// Adds the progress of the workspace to the log, unless it is the one that was reported last.
    async fn report_progress(
        &mut self,
        reported: &mut Option<Progress>,
    ) -> Result<(), SupervisorError> {
        let Some(now) = self.core.executor.provisioning_stage(self.id) else {
            return Ok(());
        };
        let progress = Progress::new(now.percent / PROGRESS_STEP * PROGRESS_STEP, now.stage);
        if reported.as_ref() == Some(&progress) {
            return Ok(());
        }
        *reported = Some(progress.clone());
        let change = Change {
            events: vec![NewEvent {
                ts: self.core.clock.now(),
                payload: EventPayload::Progress(progress),
            }],
            ..Change::default()
        };
        self.view.apply(&change);
        // The change is no decision, so it cannot conflict.
        self.commit(change, 0).await?;
        Ok(())
    }

    /// Waits until the session leaves [`SessionStatus::Provisioning`] or the engine shuts down.
    async fn wait_until_unneeded(&mut self) -> Result<(), SupervisorError> {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(SupervisorError::Shutdown),
                moved = self.head.changed() => {
                    if moved.is_err() {
                        return Err(SupervisorError::Shutdown);
                    }
                }
            }
            self.reload().await?;
            if self.view.record.session.status != SessionStatus::Provisioning {
                return Ok(());
            }
        }
    }

    /// Returns the workspace to make. The address was valid when the task was launched, so an
    /// invalid one is an inconsistency of the store.
    fn workspace_request(&self) -> Result<WorkspaceRequest, Inconsistency> {
        let record = &self.view.record;
        let source = record.launch.source.as_deref().map(RepositorySource::parse);
        Ok(WorkspaceRequest {
            session: self.id,
            source: source.transpose().map_err(|fault| Inconsistency {
                table: "sessions",
                column: "launch",
                id: self.id.to_string(),
                source: format!("the address of the repository {fault}").into(),
            })?,
            branch: record.session.repo.branch.clone(),
            commit: record.launch.commit.clone(),
            preference: record.launch.snapshot_preference.clone(),
        })
    }

    /// Takes the workspace into the view. Returns what has to be written.
    fn take_workspace(&mut self, provisioned: Provisioned) -> Taken {
        let Provisioned {
            workspace,
            commit,
            default_branch,
            notes,
        } = provisioned;
        let address = self.view.record.session.repo.url.clone();
        let default_branch = address.zip(default_branch);
        if self.view.record.session.workspace.as_ref() == Some(&workspace) {
            let change = None;
            return Taken {
                default_branch,
                change,
            };
        }
        let now = self.core.clock.now();
        let remarks = self.view.record.launch.remarks.clone();
        let mut change = start::provisioned(&self.view.record, workspace, commit, now);
        change
            .events
            .extend(remarks.into_iter().chain(notes).map(|message| NewEvent {
                ts: now,
                payload: EventPayload::Log(Log::new(LogLevel::Warn, message)),
            }));
        self.view.apply(&change);
        Taken {
            default_branch,
            change: Some(change),
        }
    }

    async fn write_workspace(&mut self, taken: Taken) -> Result<(), SupervisorError> {
        if let Some(change) = taken.change {
            // The change is no decision, so it cannot conflict.
            self.commit(change, 0).await?;
        }
        if let Some((address, branch)) = taken.default_branch {
            self.note_default_branch(&address, &branch).await?;
        }
        Ok(())
    }

    /// Stores the default branch of a repository. An unknown repository is only logged.
    async fn note_default_branch(
        &self,
        address: &str,
        branch: &str,
    ) -> Result<(), SupervisorError> {
        match self.core.store.set_default_branch(address, branch).await {
            Err(StoreError::NotFound { .. }) => {
                tracing::warn!(session.id = %self.id, "its repository is not among those known");
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Returns the sandbox profile of the session, by its runtime.
    fn sandbox(&self) -> SandboxProfile {
        match self.view.record.session.runtime.runtime_type {
            RuntimeType::Disabled => SandboxProfile::Disabled,
            _ => self.core.config.sandbox,
        }
    }

    fn agent_launch(&self) -> Result<AgentLaunch, String> {
        let record = &self.view.record;
        let session = &record.session;
        let workspace = session
            .workspace
            .as_ref()
            .ok_or("the session has no workspace to start in")?;
        let config = &self.core.config;
        let launch = &record.launch;
        Ok(AgentLaunch {
            session: self.id,
            agent: AgentSelection {
                agent_type: session.agent.agent_type.clone(),
                version: None,
                model: session.agent.model.clone(),
                count: 1,
                settings: session.agent.settings.clone(),
            },
            env: launch.env.clone(),
            workspace: workspace.path.clone(),
            sandbox: self.sandbox(),
            prompt: session.prompt_blocks.clone(),
            // The first prompt shares the identifier of its session.
            prompt_id: PromptId::from_ulid(self.id.ulid()),
            author: launch.author.clone(),
            permissions: launch.permissions.clone(),
            interactive: session.interactive,
            fence: record.fence,
            ready: AGENT_READY_MAX,
            timeout: launch.timeout_ms.map(Duration::from_millis),
            idle: launch
                .idle_timeout_ms
                .map_or(config.idle_timeout, Duration::from_millis),
            orphan_idle: config.orphan_idle,
            stop_grace: config.stop_grace,
        })
    }
}
