//! The end of a session: all of its processes are ended, and the end is recorded.

use std::time::Duration;

use ah_lifecycle::turns::Effects;
use ah_rest_api_contract::LogLevel;
use tokio::time::Instant;

use super::{RecordedSession, SessionInputs, log_error_line, reap_children};
use crate::clock;
use crate::end_reason::{self, Ended};
use crate::journal::JournalError;
use crate::process::{Swept, descendants, signal, sweep};
use crate::protocol::{AgentEnd, EndCause, Fact};
use crate::server::JournalHead;
use ah_agents::SessionFolder;
use ah_agents::home;

/// The maximum time to read the rest of the agent's output when all of its processes have ended. It
/// is in the pipe already; only a process outside of the session could keep the pipe open.
const OUTPUT_WAIT_MAX: Duration = Duration::from_secs(2);

/// The maximum time that the last records of an agent wait until the disk takes data. After that,
/// the session counts as one whose recorder is gone.
const DISK_WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum time for the attendant to receive the rest of the journal. It is in the file, even
/// if the connection fails.
const FINAL_SEND_WAIT_MAX: Duration = Duration::from_secs(5);

impl RecordedSession {
    /// Ends every remaining process, records the rest of the agent's output, removes its home, and
    /// records its end.
    pub(super) async fn end_remaining(
        &mut self,
        folder: &SessionFolder,
        inputs: &mut SessionInputs,
    ) {
        self.conversation.close();
        self.publish_info();
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        let swept = self.sweep().await;
        // The agent itself does not count as a leftover.
        let leftovers = swept.killed.iter().filter(|it| Some(it.pid()) != agent);
        let leftovers = u32::try_from(leftovers.count()).unwrap_or(u32::MAX);
        self.attendant_slot.agent_pid = None;
        self.read_remaining_output().await;
        let in_turn = self.conversation.is_in_turn();
        let mut effects = Effects::default();
        self.conversation.agent_ended(clock::now(), &mut effects);
        let (error_tail, error_lines) = match self.agent.take() {
            Some(agent) => agent.remaining_errors(OUTPUT_WAIT_MAX).await,
            None => Default::default(),
        };
        for line in &error_lines {
            log_error_line(line, &mut effects);
        }
        if let Err(error) = home::remove(folder).await {
            let message = format!("the agent's home could not be removed: {error}");
            effects.log(clock::now(), LogLevel::Warn, message);
        }
        let exit = self.exit.unwrap_or_default();
        let ended = Ended {
            exit,
            in_turn,
            ends_with_input: self.conversation.agent().ends_with_input(),
            unready: self.conversation.unready(),
            error_tail: &error_tail,
        };
        let mut reason = end_reason::reason(self.shutdown.as_ref(), &ended);
        if let Some(left) = swept.shortcoming() {
            tracing::error!(%left, "what is left of the agent could not be ended");
            reason = Some(match reason {
                Some(why) => format!("{why}; {left}"),
                None => left,
            });
        }
        let cause = match &self.shutdown {
            Some(shutdown) => shutdown.end_cause(),
            None if self.conversation.unready().is_some() => Some(EndCause::NotReady),
            None => Some(EndCause::Agent),
        };
        tracing::info!(
            exit.code = exit.code,
            exit.signal = exit.signal,
            leftovers,
            ?cause,
            "the agent has ended"
        );
        effects.fact(
            clock::now(),
            Fact::Ended(AgentEnd {
                exit_code: exit.code,
                signal: exit.signal,
                reason,
                swept: leftovers,
                cause,
            }),
        );
        self.put_into_effect(effects);
        self.wait_for_disk(inputs).await;
    }

    /// Waits until the withheld records are written, at most [`DISK_WAIT_MAX`]. The agent has ended,
    /// so requests have no effect, but access points can attach.
    async fn wait_for_disk(&mut self, inputs: &mut SessionInputs) {
        let give_up_at = Instant::now() + DISK_WAIT_MAX;
        while let Some(retry_at) = self.withheld.as_ref().map(|withheld| withheld.retry_at)
            && retry_at < give_up_at
        {
            self.publish_info();
            tokio::select! {
                () = tokio::time::sleep_until(retry_at) => {
                    self.put_into_effect(Effects::default());
                }
                Some(arrival) = inputs.arrivals.recv() => self.on_arrival(arrival),
                Some((generation, request)) = inputs.received.recv() => {
                    drop(self.attendant_slot.admit(generation, request));
                }
            }
        }
    }

    async fn sweep(&mut self) -> Swept {
        let own = rustix::process::getpid();
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        let exit = &mut self.exit;
        let swept = sweep(
            || std::future::ready(descendants(own)),
            || {
                if let Some(seen) = reap_children(agent) {
                    *exit = Some(seen);
                }
            },
            signal,
        )
        .await;
        if let Some(cgroup) = self.cgroup.take() {
            // The sweep has counted; this kills processes that the sweep has missed.
            cgroup.end().await;
        }
        swept
    }

    /// Records the rest of the output that the agent wrote before it ended.
    async fn read_remaining_output(&mut self) {
        let give_up_at = Instant::now() + OUTPUT_WAIT_MAX;
        loop {
            let Some(agent) = &mut self.agent else {
                return;
            };
            let Ok(Some(line)) = tokio::time::timeout_at(give_up_at, agent.lines.recv()).await
            else {
                return;
            };
            let mut effects = Effects::default();
            self.take_line(&line.line, clock::now(), &mut effects);
            effects.to_agent.clear();
            self.put_into_effect(effects);
        }
    }

    /// Serves the journal until the attendant has all of it, at most [`FINAL_SEND_WAIT_MAX`].
    pub(super) async fn send_remaining(
        mut self,
        inputs: &mut SessionInputs,
    ) -> Result<(), JournalError> {
        self.publish_info();
        // Connections that arrived while the agent ended are attached once more.
        while let Ok(arrival) = inputs.arrivals.try_recv() {
            self.on_arrival(arrival);
        }
        self.head.send_modify(|head| {
            *head = JournalHead {
                is_final: true,
                ..*head
            }
        });
        let sent = tokio::time::timeout(FINAL_SEND_WAIT_MAX, self.attendant_slot.all_sent()).await;
        if sent.is_err() {
            tracing::warn!("the attendant did not take the end of the journal; it is in the file");
        }
        self.journal_lost.map_or(Ok(()), Err)
    }
}
