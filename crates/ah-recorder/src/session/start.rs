//! The start of a session: the wait for an attendant, and the start of the agent.

use std::fs::File;
use std::io;
use std::time::Duration;

use ah_lifecycle::turns::Effects;
use ah_rest_api_contract::LogLevel;
use tokio::time::Instant;

use super::{RecordedSession, SessionInputs, Signals};
use crate::agent::AgentProcess;
use crate::clock;
use crate::protocol::{AgentEnd, EndCause, Fact, JournalEntry, JournalRecord};
use crate::sandboxed;
use crate::server::Arrival;
use ah_agents::home::{self, Home};
use ah_agents::{HomePlan, SessionFolder};

/// The maximum time to wait for the first attendant.
const ATTENDANT_WAIT_MAX: Duration = Duration::from_secs(30);

/// The decision to start the agent.
enum StartDecision {
    /// Start it; with the connection that was awaited, if any.
    Yes(Option<Box<Arrival>>),
    /// Do not start it; with the cause and the reason as text.
    No(EndCause, String),
}

/// Returns the first record of a journal.
pub(crate) fn begun() -> JournalRecord {
    JournalRecord {
        ts: clock::now().wall,
        entry: JournalEntry::Fact(Fact::Launching),
        raw: None,
    }
}

impl RecordedSession {
    /// Starts the agent with `command`, once an attendant with a sufficient fence is there. If it
    /// is not started, that is recorded as its end.
    pub(super) async fn start_when_wanted(
        &mut self,
        command: io::Result<Vec<String>>,
        folder: &SessionFolder,
        inputs: &mut SessionInputs,
        signals: &mut Signals,
    ) {
        let arrival = match self.wait_for_attendant(inputs, signals).await {
            StartDecision::Yes(arrival) => arrival,
            StartDecision::No(cause, reason) => return self.never_started(Some(cause), reason),
        };
        if let Err(error) = command.and_then(|command| self.start(&command, folder)) {
            let program = self.spec.agent.argv.first().map_or("", String::as_str);
            let mut reason = format!("the agent `{program}` could not be started: {error}");
            if let Err(error) = home::remove(folder).await {
                reason = format!("{reason}; its home could not be removed: {error}");
            }
            self.never_started(None, reason);
        }
        if let Some(arrival) = arrival {
            self.on_arrival(*arrival);
        }
    }

    /// Waits for an attendant whose fence is at least that of the process that started the
    /// recorder, if it has one: an access point that was replaced meanwhile starts no agent.
    async fn wait_for_attendant(
        &mut self,
        inputs: &mut SessionInputs,
        signals: &mut Signals,
    ) -> StartDecision {
        let Some(fence) = self.spec.fence else {
            return StartDecision::Yes(None);
        };
        let give_up_at = Instant::now() + ATTENDANT_WAIT_MAX;
        loop {
            self.publish_info();
            tokio::select! {
                Some(arrival) = inputs.arrivals.recv() => {
                    if arrival.hello.fence >= fence && self.attendant_slot.judge(&arrival, self.journal.len()).is_ok() {
                        return StartDecision::Yes(Some(Box::new(arrival)));
                    }
                    // It is refused with the reason.
                    self.on_arrival(arrival);
                }
                _ = signals.terminate.recv() => return signalled_before_start(),
                _ = signals.interrupt.recv() => return signalled_before_start(),
                _ = signals.hang_up.recv() => {}
                () = tokio::time::sleep_until(give_up_at) => {
                    let seconds = ATTENDANT_WAIT_MAX.as_secs();
                    return StartDecision::No(EndCause::Unattended, format!(
                        "no access point attached to the session within {seconds} s of its launch, so the agent was not started"
                    ));
                }
            }
        }
    }

    fn start(&mut self, command: &[String], folder: &SessionFolder) -> io::Result<()> {
        let log = File::options()
            .append(true)
            .create(true)
            .open(folder.log())?;
        let mut home = match &self.spec.agent.home {
            Some(plan) => home::make(folder, plan, &|name| std::env::var_os(name))?,
            // It needs a temporary folder that it may write.
            None if self.spec.sandbox.is_some() => {
                home::make(folder, &HomePlan::default(), &|name| std::env::var_os(name))?
            }
            None => Home::default(),
        };
        let confinement = sandboxed::confinement(&self.spec, folder);
        if confinement.is_some() {
            sandboxed::add_caches(&mut home, folder);
        }
        let agent = AgentProcess::spawn(
            command,
            &self.spec,
            &home,
            confinement.as_ref(),
            self.cgroup.as_ref(),
            log,
            &self.tasks,
        )?;
        let pid = agent.pid.as_raw_nonzero().get().unsigned_abs();
        self.attendant_slot.agent_pid = Some(pid);
        tracing::info!(agent.pid = pid, "the agent was started");
        self.agent = Some(agent);
        let at = clock::now();
        self.started_at = Some(at.tick.into());
        let mut effects = Effects::default();
        effects.fact(at, Fact::AgentStarted { pid });
        self.conversation.begin(&mut effects);
        for note in home.notes {
            effects.log(at, LogLevel::Warn, note);
        }
        self.put_into_effect(effects);
        Ok(())
    }

    fn never_started(&mut self, cause: Option<EndCause>, reason: String) {
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove();
        }
        let mut effects = Effects::default();
        let end = AgentEnd {
            reason: Some(reason),
            cause,
            ..AgentEnd::default()
        };
        effects.fact(clock::now(), Fact::Ended(end));
        self.put_into_effect(effects);
    }
}

fn signalled_before_start() -> StartDecision {
    let reason = "the recorder was ended by a signal before the agent was started";
    StartDecision::No(EndCause::Signalled, reason.to_owned())
}
