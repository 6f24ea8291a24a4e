//! The last steps of a session: nothing of the agent is left, and that is said.

use std::time::Duration;

use ah_lifecycle::turns::Effects;
use ah_rest_api_contract::LogLevel;
use tokio::time::Instant;

use super::{Doors, RecordedSession, reap_children};
use crate::SessionFolder;
use crate::home;
use crate::journal::JournalError;
use crate::process::{Swept, descendants, signal, sweep};
use crate::protocol::{AgentEnd, EndCause, Fact};
use crate::recorder::clock;
use crate::recorder::ending::{self, Ended};
use crate::recorder::server::Head;

/// How long the rest of the agent's output is read when no process is left that could write any.
/// It is in the pipe already; only a process outside of the session could hold the pipe open.
const OUTPUT_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long whoever attends has to take the rest of the journal. It is in the file, whatever
/// becomes of the connection.
const FAREWELL_WAIT_MAX: Duration = Duration::from_secs(5);

impl RecordedSession {
    /// Ends every process that is left, hears out what the agent had said, removes its home, and
    /// writes down its end.
    pub(super) async fn leave_nothing(&mut self, folder: &SessionFolder) {
        self.conversation.close();
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        let swept = self.sweep().await;
        // The agent itself is not a leftover.
        let leftovers = swept.killed.iter().filter(|it| Some(it.pid()) != agent);
        let leftovers = u32::try_from(leftovers.count()).unwrap_or(u32::MAX);
        self.attendance.agent_pid = None;
        self.hear_out().await;
        let in_turn = self.conversation.is_in_turn();
        let mut effects = Effects::default();
        self.conversation.agent_ended(clock::now(), &mut effects);
        let error_tail = match self.agent.take() {
            Some(agent) => agent.error_tail(OUTPUT_WAIT_MAX).await,
            None => String::new(),
        };
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
        let mut reason = ending::reason(self.ending.as_ref(), &ended);
        if let Some(left) = swept.shortcoming() {
            tracing::error!(%left, "what is left of the agent could not be ended");
            reason = Some(match reason {
                Some(why) => format!("{why}; {left}"),
                None => left,
            });
        }
        let cause = match &self.ending {
            Some(ending) => ending.end_cause(),
            None if self.conversation.unready().is_some() => Some(EndCause::NotReady),
            None => Some(EndCause::Agent),
        };
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
            // The sweep has counted; this is for whoever slipped through it.
            cgroup.kill();
            cgroup.remove();
        }
        swept
    }

    /// Writes down what the agent had said before it ended.
    async fn hear_out(&mut self) {
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
            self.take_line(&line, clock::now(), &mut effects);
            effects.to_agent.clear();
            self.put_into_effect(effects);
        }
    }

    /// Serves the journal until whoever attends has all of it, bounded.
    pub(super) async fn bid_farewell(mut self, doors: &mut Doors) -> Result<(), JournalError> {
        // Whoever has come to the door while the agent ended is let in once more.
        while let Ok(arrival) = doors.arrivals.try_recv() {
            self.on_arrival(arrival);
        }
        self.head.send_modify(|head| {
            *head = Head {
                is_final: true,
                ..*head
            }
        });
        let sent = tokio::time::timeout(FAREWELL_WAIT_MAX, self.attendance.all_sent()).await;
        if sent.is_err() {
            tracing::warn!("the attendant did not take the end of the journal; it is in the file");
        }
        self.journal_lost.map_or(Ok(()), Err)
    }
}
