//! The owner task of the recorder: it holds all state of the session, and the other tasks send to
//! it.

mod attendant;
mod effects;
mod end;
mod info;
mod limit;
mod request;
mod shutdown;
mod start;

use std::future;
use std::io;

use ah_lifecycle::turns::{Effects, Moment};
use ah_rest_api_contract::LogLevel;
use ah_rest_api_contract::RecorderInfo;
use rustix::process::{Pid, WaitOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::agent::{AgentProcess, FromAgent, LineAhead};
use crate::clock;
use crate::end_reason::Exit;
use crate::files::remove;
use crate::journal::{JournalError, JournalWriter};
use crate::lines::AgentLine;
use crate::process::{Cgroup, Frozen};
use crate::protocol::Request;
use crate::server::{Arrival, JournalHead};
use crate::shutdown::{AgentShutdown, ShutdownCause};
use crate::tasks::RecorderTasks;
use ah_agents::driver::{self, DrivenConversation};
use ah_agents::{LaunchSpec, SessionFolder};
use attendant::AttendantSlot;
use effects::Withheld;
pub(crate) use info::initial_info;
use limit::FolderWatch;
pub(crate) use start::begun;

/// The maximum number of agent lines that are recorded with one write.
const LINES_AT_ONCE: usize = 64;
/// The size of such lines, in bytes, at which no further one is taken.
const BYTES_AT_ONCE: usize = 256 * 1024;

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
    /// The shutdown of the agent, once it has begun.
    shutdown: Option<AgentShutdown>,
    /// The deadline for the end of an interrupted turn, once its interruption was noticed.
    interrupt_deadline: Option<InterruptDeadline>,
    /// The processes that are stopped while the session is paused.
    frozen: Option<Frozen>,
    /// The results that wait until the disk takes data.
    withheld: Option<Withheld>,
    folder_watch: FolderWatch,
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
        shutdown: None,
        interrupt_deadline: None,
        frozen: None,
        withheld: None,
        folder_watch: FolderWatch::start(),
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
        removed = removed.and(remove(file));
    }
    session
        .send_remaining(&mut inputs)
        .await
        .map_err(JournalError::into_io)
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
                // While its records wait, the agent waits as soon as its pipe is full.
                line = next_line(self.agent.as_mut()), if self.withheld.is_none() => match line {
                    FromAgent::Output(line) => self.on_line(line),
                    FromAgent::Error(line) => self.on_error_line(&line),
                },
                _ = signals.child.recv() => self.reap(),
                Some(arrival) = inputs.arrivals.recv() => self.on_arrival(arrival),
                Some((generation, request)) = inputs.received.recv() => {
                    if let Some(request) = self.attendant_slot.admit(generation, request) {
                        self.on_request(request).await;
                    }
                }
                _ = signals.terminate.recv() => self.shut_down(ShutdownCause::RecorderSignalled),
                _ = signals.interrupt.recv() => self.shut_down(ShutdownCause::RecorderSignalled),
                _ = signals.hang_up.recv() => {}
                () = sleep_until(deadline) => {}
            }
        }
        self.end_remaining(folder, inputs).await;
    }

    fn on_line(&mut self, line: Option<LineAhead>) {
        let Some(line) = line else {
            if let Some(agent) = &mut self.agent {
                agent.is_output_open = false;
            }
            // The agent's end usually follows at once; otherwise it is shut down.
            self.shut_down(ShutdownCause::OutputClosed);
            return;
        };
        let at = clock::now();
        let mut effects = Effects::default();
        let mut bytes = line.line.text.len();
        self.take_line(&line.line, at, &mut effects);
        for _ in 1..LINES_AT_ONCE {
            if bytes >= BYTES_AT_ONCE {
                break;
            }
            let Some(Ok(line)) = self.agent.as_mut().map(|agent| agent.lines.try_recv()) else {
                break;
            };
            bytes += line.line.text.len();
            self.take_line(&line.line, at, &mut effects);
        }
        self.put_into_effect(effects);
        if self.conversation.unready().is_some() {
            self.shut_down(ShutdownCause::NotReady);
        }
        if !self.conversation.is_in_turn()
            && let Some(shutdown) = &mut self.shutdown
        {
            shutdown.turn_ended(at.tick.into());
        }
    }

    fn on_error_line(&mut self, line: &str) {
        let mut effects = Effects::default();
        log_error_line(line, &mut effects);
        self.put_into_effect(effects);
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
        self.watch_folder(now);
        let step = self.shutdown.as_mut().and_then(|it| it.advance(now));
        if let Some(step) = step {
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
            self.shutdown.and_then(|shutdown| shutdown.deadline()),
            self.limit().map(|(due, _)| due),
            self.interrupt_deadline(),
            self.withheld.as_ref().map(|withheld| withheld.retry_at),
            Some(self.folder_watch.due),
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

/// Returns the agent's next line.
async fn next_line(agent: Option<&mut AgentProcess>) -> FromAgent {
    match agent {
        Some(agent) => agent.next_line().await,
        None => future::pending().await,
    }
}

/// Logs a line of the agent's standard error. Most of them are of interest to its developers only.
pub(super) fn log_error_line(line: &str, effects: &mut Effects) {
    effects.log(clock::now(), LogLevel::Debug, format!("stderr: {line}"));
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => future::pending().await,
    }
}
