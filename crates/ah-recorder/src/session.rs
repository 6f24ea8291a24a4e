//! The owner task of the recorder: it holds all state of the session, and the other tasks send to
//! it.

mod attendant;
mod end;
mod info;
mod limit;
mod request;
mod start;

use std::future;
use std::io;
use std::time::Duration;

use ah_lifecycle::turns::{Effects, Moment};
use ah_rest_api_contract::LogLevel;
use ah_rest_api_contract::RecorderInfo;
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::agent::AgentProcess;
use crate::clock;
use crate::ending::{AgentShutdown, Exit, ShutdownCause, ShutdownStep};
use crate::journal::{JournalError, JournalWriter};
use crate::lines::AgentLine;
use crate::process::{Cgroup, Frozen};
use crate::protocol::Request;
use crate::server::{Arrival, JournalHead, PendingEphemeral};
use crate::tasks::RecorderTasks;
use ah_agents::driver::{self, DrivenConversation};
use ah_agents::{LaunchSpec, SessionFolder};
use attendant::AttendantSlot;
pub(crate) use info::initial_info;
pub(crate) use start::begun;

/// The maximum number of agent lines that are recorded with one write.
const LINES_AT_ONCE: usize = 64;

/// The time between two attempts to write to a full disk.
const SPACE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// The state of a session in its recorder.
pub(super) struct RecordedSession {
    spec: LaunchSpec,
    conversation: DrivenConversation,
    journal: JournalWriter,
    head: watch::Sender<JournalHead>,
    attendant_slot: AttendantSlot,
    agent: Option<AgentProcess>,
    /// The time at which the agent was started.
    started_at: Option<Instant>,
    cgroup: Option<Cgroup>,
    /// The exit status of the agent's process, once it has ended.
    exit: Option<Exit>,
    ending: Option<AgentShutdown>,
    /// The deadline for the end of an interrupted turn, once its interruption was noticed.
    interrupt_deadline: Option<InterruptDeadline>,
    /// The processes that are stopped while the session is paused.
    frozen: Option<Frozen>,
    /// The results that wait for space on the disk.
    withheld: Option<Withheld>,
    /// The error that made the journal unwritable.
    journal_lost: Option<JournalError>,
    /// The last published state of the recorder.
    info: watch::Sender<RecorderInfo>,
    tasks: RecorderTasks,
}

/// The deadline for the end of an interrupted turn.
struct InterruptDeadline {
    due: Instant,
    /// True if the interruption was requested a second time.
    is_repeated: bool,
}

/// The session's inputs from outside of the recorder.
pub(super) struct SessionInputs {
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) received: mpsc::Receiver<(u64, Option<Request>)>,
    pub(super) request_sender: mpsc::Sender<(u64, Option<Request>)>,
    pub(crate) info: watch::Sender<RecorderInfo>,
    pub(crate) tasks: RecorderTasks,
}

/// The results of inputs that wait for space on the disk.
struct Withheld {
    effects: Effects,
    since: Instant,
    retry_at: Instant,
}

/// The signals that the recorder handles. The handlers are installed before it reports that it is
/// ready, so that none is missed.
pub(super) struct Signals {
    child: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Received and ignored: the terminal that started the access point may close. Ignoring it with
    /// `SIG_IGN` would be inherited by the agent.
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Runs the session until it ends.
///
/// # Errors
/// Returns an error if the journal cannot be written. No process of the agent is left even then.
pub(super) async fn run(
    spec: LaunchSpec,
    folder: &SessionFolder,
    journal: JournalWriter,
    mut inputs: SessionInputs,
    mut signals: Signals,
) -> io::Result<()> {
    let conversation = driver::conversation(&spec, clock::identifiers()?);
    let driver = conversation.agent();
    let command = driver.command(&spec.agent, folder);
    let files = driver.files(folder);
    let (head, _) = watch::channel(JournalHead {
        len: journal.len(),
        is_final: false,
    });
    let mut session = RecordedSession {
        attendant_slot: AttendantSlot::new(
            folder,
            inputs.request_sender.clone(),
            spec.fence,
            inputs.tasks.clone(),
        ),
        cgroup: Cgroup::create(spec.session_id, folder),
        spec,
        conversation,
        journal,
        head,
        agent: None,
        started_at: None,
        exit: None,
        ending: None,
        interrupt_deadline: None,
        frozen: None,
        withheld: None,
        journal_lost: None,
        info: inputs.info.clone(),
        tasks: inputs.tasks.clone(),
    };
    session
        .start_when_wanted(command, folder, &mut inputs, &mut signals)
        .await;
    if session.agent.is_some() {
        session.live(folder, &mut inputs, &mut signals).await;
    }
    let mut removed = Ok(());
    for file in &files {
        removed = removed.and(crate::run::remove(file));
    }
    session
        .send_remaining(&mut inputs)
        .await
        .map_err(crate::run::journal_failure)
        .and(removed)
}

impl RecordedSession {
    /// Handles events until the agent has ended or must be killed.
    async fn live(
        &mut self,
        folder: &SessionFolder,
        inputs: &mut SessionInputs,
        signals: &mut Signals,
    ) {
        loop {
            // Checked first: a reaped process id may soon belong to another process.
            if self.exit.is_some() {
                break;
            }
            self.on_time(Instant::now());
            self.publish_info();
            if self.is_to_be_killed() {
                break;
            }
            let deadline = self.next_deadline();
            tokio::select! {
                // Without space for its records, the agent waits as soon as its pipe is full.
                line = next_line(self.agent.as_mut()), if self.withheld.is_none() => self.on_line(line),
                _ = signals.child.recv() => self.reap(),
                Some(arrival) = inputs.arrivals.recv() => self.on_arrival(arrival),
                Some((generation, request)) = inputs.received.recv() => {
                    if let Some(request) = self.attendant_slot.admit(generation, request) {
                        self.on_request(request).await;
                    }
                }
                _ = signals.terminate.recv() => self.end(ShutdownCause::RecorderSignalled),
                _ = signals.interrupt.recv() => self.end(ShutdownCause::RecorderSignalled),
                _ = signals.hang_up.recv() => {}
                () = sleep_until(deadline) => {}
            }
        }
        self.end_remaining(folder).await;
    }

    fn is_to_be_killed(&self) -> bool {
        self.ending
            .is_some_and(|ending| ending.step() == ShutdownStep::Kill)
    }

    fn on_line(&mut self, line: Option<AgentLine>) {
        let Some(line) = line else {
            if let Some(agent) = &mut self.agent {
                agent.is_output_open = false;
            }
            // The agent's end usually follows at once; otherwise it is shut down.
            self.end(ShutdownCause::OutputClosed);
            return;
        };
        let at = clock::now();
        let mut effects = Effects::default();
        self.take_line(&line, at, &mut effects);
        for _ in 1..LINES_AT_ONCE {
            let Some(Ok(line)) = self.agent.as_mut().map(|agent| agent.lines.try_recv()) else {
                break;
            };
            self.take_line(&line, at, &mut effects);
        }
        self.put_into_effect(effects);
        if self.conversation.unready().is_some() {
            self.end(ShutdownCause::NotReady);
        }
        if !self.conversation.is_in_turn()
            && let Some(ending) = &mut self.ending
        {
            ending.turn_ended(at.tick.into());
        }
    }

    fn take_line(&mut self, line: &AgentLine, at: Moment, effects: &mut Effects) {
        if line.text.is_empty() {
            return;
        }
        if line.left_out > 0 {
            // Widening: a length in memory fits 64 bits.
            let length = line.text.len() as u64 + line.left_out;
            let message = format!(
                "a line of the agent is too long, about {length} bytes; {} of them were left out",
                line.left_out
            );
            effects.log(at, LogLevel::Warn, message);
        }
        driver::on_line(&mut self.conversation, &line.text, at, effects);
    }

    /// Starts the shutdown of the agent, or makes one in progress more forceful.
    fn end(&mut self, cause: ShutdownCause) {
        let now = Instant::now();
        let step = match (&mut self.ending, cause) {
            (Some(ending), ShutdownCause::Requested(manner)) => ending.insist(manner, now),
            (Some(ending), ShutdownCause::JournalLost) => ending.give_up(now),
            (Some(_), _) => None,
            (None, _) => {
                let grace = Duration::from_millis(self.spec.stop_grace_ms);
                let in_turn = self.conversation.is_in_turn();
                let ending = AgentShutdown::begin(cause, in_turn, grace, now);
                self.ending = Some(ending);
                Some(ending.step())
            }
        };
        if let Some(step) = step {
            // A stopped process does not react to a shutdown request.
            self.wake();
            self.take(step);
        }
    }

    fn take(&mut self, step: ShutdownStep) {
        if step == ShutdownStep::Cancel {
            let mut effects = Effects::default();
            self.conversation.interrupt(clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
        self.conversation.close();
        let Some(agent) = &mut self.agent else {
            return;
        };
        let signalled = match step {
            // The sweep kills all processes of the session.
            ShutdownStep::Cancel | ShutdownStep::Kill => Ok(()),
            ShutdownStep::CloseInput => {
                agent.close_input();
                Ok(())
            }
            ShutdownStep::Interrupt => agent.signal(Signal::INT),
            ShutdownStep::Terminate => agent.signal(Signal::TERM),
        };
        if let Err(error) = signalled {
            tracing::warn!(%error, ?step, "the agent could not be signalled");
        }
    }

    /// Handles the deadlines that are due.
    fn on_time(&mut self, now: Instant) {
        if self
            .withheld
            .as_ref()
            .is_some_and(|withheld| withheld.retry_at <= now)
        {
            self.put_into_effect(Effects::default());
        }
        if self
            .conversation
            .next_deadline()
            .is_some_and(|due| due <= now.into_std())
        {
            let mut effects = Effects::default();
            self.conversation.on_time(clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
        self.watch_interrupt(now);
        if let Some(step) = self.ending.as_mut().and_then(|ending| ending.advance(now)) {
            self.take(step);
        }
        if let Some((due, cause)) = self.limit()
            && due <= now
        {
            self.end_at_limit(cause);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [
            self.conversation.next_deadline().map(Instant::from_std),
            self.ending.and_then(|ending| ending.deadline()),
            self.limit().map(|(due, _)| due),
            self.interrupt_deadline(),
            self.withheld.as_ref().map(|withheld| withheld.retry_at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Reaps every child that has ended: the agent, and its orphans that became children of ours.
    ///
    /// Children are awaited here and nowhere else, so the agent's exit status is never lost.
    fn reap(&mut self) {
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        if let Some(exit) = reap_children(agent) {
            self.exit = Some(exit);
        }
    }

    /// Appends the records, sends the messages to the agent, and shows the ephemeral events.
    ///
    /// If the disk has no space for the records, everything is withheld and tried again. If they
    /// cannot be written for another reason, nothing is sent or shown: the session is lost and the
    /// agent is killed, rather than running unrecorded.
    fn put_into_effect(&mut self, effects: Effects) {
        let (effects, since) = match self.withheld.take() {
            None => (effects, None),
            Some(Withheld {
                effects: mut earlier,
                since,
                ..
            }) => {
                earlier.extend(effects);
                (earlier, Some(since))
            }
        };
        let before = self.journal.len();
        let ends = match self.journal.append(&effects.records) {
            Ok(ends) => ends,
            Err(error) if error.is_lack_of_space() => {
                self.withhold(effects, since, &error);
                return;
            }
            Err(error) => {
                self.journal_lost.get_or_insert(error);
                self.end(ShutdownCause::JournalLost);
                return;
            }
        };
        let Effects {
            to_agent,
            ephemeral,
            ..
        } = effects;
        let len = ends.last().copied().unwrap_or(before);
        if len > before {
            self.head.send_replace(JournalHead {
                len,
                is_final: false,
            });
        }
        for (records_before, event) in ephemeral {
            let after = match records_before.checked_sub(1) {
                Some(last) => ends.get(last).copied().unwrap_or(len),
                None => before,
            };
            self.attendant_slot.show(PendingEphemeral { after, event });
        }
        self.tell_agent(to_agent);
        if let Some(since) = since {
            let waited = since.elapsed().as_secs();
            tracing::info!(waited_s = waited, "the journal can be written again");
            let mut note = Effects::default();
            let message = format!(
                "the disk was full for {waited} s; the agent waited meanwhile, and nothing is lost"
            );
            note.log(clock::now(), LogLevel::Warn, message);
            self.put_into_effect(note);
        }
    }

    /// Keeps the results of inputs until the disk has space again.
    fn withhold(&mut self, effects: Effects, since: Option<Instant>, error: &JournalError) {
        let now = Instant::now();
        if since.is_none() {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "the agent waits until the disk has space");
        }
        self.withheld = Some(Withheld {
            effects,
            since: since.unwrap_or(now),
            retry_at: now + SPACE_LOOK_EVERY,
        });
    }

    fn tell_agent(&mut self, message: Vec<u8>) {
        if message.is_empty() {
            return;
        }
        if let Some(Err(why)) = self.agent.as_ref().map(|agent| agent.tell(message)) {
            let mut complaint = Effects::default();
            complaint.error(clock::now(), format!("the agent could not be told: {why}"));
            self.put_into_effect(complaint);
        }
    }

    fn on_arrival(&mut self, arrival: Arrival) {
        self.attendant_slot
            .take_over(arrival, &self.spec, &self.head);
    }
}

/// Reaps every child that has ended, and returns the exit status of `agent` if it was among them.
fn reap_children(agent: Option<Pid>) -> Option<Exit> {
    let mut exit = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if Some(pid) == agent {
            exit = Some(Exit {
                code: status.exit_status(),
                signal: status.terminating_signal(),
            });
        }
    }
    exit
}

/// Returns the agent's next line; `None`, once, at the end of its output.
async fn next_line(agent: Option<&mut AgentProcess>) -> Option<AgentLine> {
    match agent {
        Some(agent) if agent.is_output_open => agent.lines.recv().await,
        _ => future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => future::pending().await,
    }
}
