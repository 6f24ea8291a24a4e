//! The recorder's one owner: a task that holds everything of its session, and to which everybody
//! else only sends.

mod attendant;
mod end;
mod limit;
mod request;
mod start;

use std::future;
use std::io;
use std::time::Duration;

use ah_lifecycle::turns::{Effects, Moment};
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::agent::Agent;
use super::clock;
use super::ending::{Cause, Ending, Exit, Step};
use super::lines::AgentLine;
use super::server::{Arrival, Glimpse, Head};
use crate::driver::{self, DrivenConversation};
use crate::journal::{JournalError, JournalWriter};
use crate::process::{Cgroup, Frozen};
use crate::protocol::Request;
use crate::{LaunchSpec, SessionFolder};
use attendant::Attendance;
pub(super) use start::begun;

/// How many of the agent's lines are written down with one write.
const LINES_AT_ONCE: usize = 64;

/// A session in its recorder.
pub(super) struct RecordedSession {
    spec: LaunchSpec,
    conversation: DrivenConversation,
    journal: JournalWriter,
    head: watch::Sender<Head>,
    attendance: Attendance,
    agent: Option<Agent>,
    /// When the agent was started.
    started_at: Option<Instant>,
    cgroup: Option<Cgroup>,
    /// How the agent's process ended, once it has.
    exit: Option<Exit>,
    ending: Option<Ending>,
    /// What is stopped while the session is paused.
    frozen: Option<Frozen>,
    /// Why the journal can no longer be written, when it cannot.
    journal_lost: Option<JournalError>,
}

/// What comes to the session from outside of the recorder.
pub(super) struct Doors {
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) heard: mpsc::Receiver<(u64, Option<Request>)>,
    pub(super) heard_from: mpsc::Sender<(u64, Option<Request>)>,
}

/// The signals that matter to a recorder. They are listened to before it says that it is there, so
/// that none is missed.
pub(super) struct Signals {
    child: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Heard and ignored: the terminal that started the access point may close. (To ignore it in
    /// the system's sense would make the agent inherit that.)
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

/// Runs the session to its end.
///
/// # Errors
/// When the journal cannot be written. Nothing of the agent is left even then.
pub(super) async fn run(
    spec: LaunchSpec,
    folder: &SessionFolder,
    journal: JournalWriter,
    mut doors: Doors,
    mut signals: Signals,
) -> io::Result<()> {
    let conversation = driver::conversation(&spec, clock::identifiers()?);
    let driver = conversation.agent();
    let command = driver.command(&spec.agent, folder);
    let files = driver.files(folder);
    let (head, _) = watch::channel(Head {
        len: journal.len(),
        is_final: false,
    });
    let mut session = RecordedSession {
        attendance: Attendance::new(folder, doors.heard_from.clone(), spec.fence),
        cgroup: Cgroup::create(spec.session_id, folder),
        spec,
        conversation,
        journal,
        head,
        agent: None,
        started_at: None,
        exit: None,
        ending: None,
        frozen: None,
        journal_lost: None,
    };
    session
        .start_when_wanted(command, folder, &mut doors, &mut signals)
        .await;
    if session.agent.is_some() {
        session.live(folder, &mut doors, &mut signals).await;
    }
    let mut removed = Ok(());
    for file in &files {
        removed = removed.and(super::remove(file));
    }
    session
        .bid_farewell(&mut doors)
        .await
        .map_err(super::told)
        .and(removed)
}

impl RecordedSession {
    /// Goes on until the agent has ended or is to be killed, and sees to it that nothing is left.
    async fn live(&mut self, folder: &SessionFolder, doors: &mut Doors, signals: &mut Signals) {
        loop {
            // First of all: a number that was reaped may soon be another process's.
            if self.exit.is_some() {
                break;
            }
            self.on_time(Instant::now());
            if self.is_to_be_killed() {
                break;
            }
            let deadline = self.next_deadline();
            tokio::select! {
                line = next_line(self.agent.as_mut()) => self.on_line(line),
                _ = signals.child.recv() => self.reap(),
                Some(arrival) = doors.arrivals.recv() => self.on_arrival(arrival),
                Some((generation, request)) = doors.heard.recv() => {
                    if let Some(request) = self.attendance.admit(generation, request) {
                        self.on_request(request).await;
                    }
                }
                _ = signals.terminate.recv() => self.end(Cause::RecorderSignalled),
                _ = signals.interrupt.recv() => self.end(Cause::RecorderSignalled),
                _ = signals.hang_up.recv() => {}
                () = sleep_until(deadline) => {}
            }
        }
        self.leave_nothing(folder).await;
    }

    fn is_to_be_killed(&self) -> bool {
        self.ending
            .is_some_and(|ending| ending.step() == Step::Kill)
    }

    fn on_line(&mut self, line: Option<AgentLine>) {
        let Some(line) = line else {
            if let Some(agent) = &mut self.agent {
                agent.is_output_open = false;
            }
            // Its end usually follows at once; if not, it is asked to end.
            self.end(Cause::OutputClosed);
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
            self.end(Cause::NotReady);
        }
        if !self.conversation.is_in_turn()
            && let Some(ending) = &mut self.ending
        {
            ending.turn_ended(at.tick.into());
        }
    }

    fn take_line(&mut self, line: &AgentLine, at: Moment, effects: &mut Effects) {
        match line {
            AgentLine::Whole(line) if line.is_empty() => {}
            AgentLine::Whole(line) => {
                driver::on_line(&mut self.conversation, line, at, effects);
            }
            AgentLine::TooLong(bytes) => effects.error(
                at,
                format!("a line of the agent of {bytes} bytes was left out: it is too long"),
            ),
        }
    }

    /// Begins to end the agent, or insists on it.
    fn end(&mut self, cause: Cause) {
        let now = Instant::now();
        let step = match (&mut self.ending, cause) {
            (Some(ending), Cause::Requested(manner)) => ending.insist(manner, now),
            (Some(ending), Cause::JournalLost) => ending.give_up(now),
            (Some(_), _) => None,
            (None, _) => {
                let grace = Duration::from_millis(self.spec.stop_grace_ms);
                let in_turn = self.conversation.is_in_turn();
                let ending = Ending::begin(cause, in_turn, grace, now);
                self.ending = Some(ending);
                Some(ending.step())
            }
        };
        if let Some(step) = step {
            // Somebody who is stopped hears no request to end.
            self.wake();
            self.take(step);
        }
    }

    fn take(&mut self, step: Step) {
        if step == Step::Cancel {
            let mut effects = Effects::default();
            self.conversation.interrupt(clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
        self.conversation.close();
        let Some(agent) = &mut self.agent else {
            return;
        };
        let signalled = match step {
            // Killing is done by the sweep, and to all of them.
            Step::Cancel | Step::Kill => Ok(()),
            Step::CloseInput => {
                agent.close_input();
                Ok(())
            }
            Step::Interrupt => agent.signal(Signal::INT),
            Step::Terminate => agent.signal(Signal::TERM),
        };
        if let Err(error) = signalled {
            tracing::warn!(%error, ?step, "the agent could not be signalled");
        }
    }

    /// Does what is due.
    fn on_time(&mut self, now: Instant) {
        if self
            .conversation
            .next_deadline()
            .is_some_and(|due| due <= now.into_std())
        {
            let mut effects = Effects::default();
            self.conversation
                .expire_permissions(clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
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
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes note of every child that has ended: the agent, and orphans of its that became ours.
    ///
    /// All of them are waited for here and nowhere else, so nobody takes the agent's exit from us.
    fn reap(&mut self) {
        let agent = self.agent.as_ref().map(|agent| agent.pid);
        if let Some(exit) = reap_children(agent) {
            self.exit = Some(exit);
        }
    }

    /// Writes down, then tells the agent, then shows.
    ///
    /// What cannot be written down is neither told nor shown: the session is lost, and the agent
    /// killed, rather than going on unseen.
    fn put_into_effect(&mut self, effects: Effects) {
        let Effects {
            records,
            to_agent,
            ephemeral,
        } = effects;
        let before = self.journal.len();
        let ends = match self.journal.append(&records) {
            Ok(ends) => ends,
            Err(error) => {
                self.journal_lost.get_or_insert(error);
                self.end(Cause::JournalLost);
                return;
            }
        };
        let len = ends.last().copied().unwrap_or(before);
        if len > before {
            self.head.send_replace(Head {
                len,
                is_final: false,
            });
        }
        for (records_before, event) in ephemeral {
            let after = match records_before.checked_sub(1) {
                Some(last) => ends.get(last).copied().unwrap_or(len),
                None => before,
            };
            self.attendance.show(Glimpse { after, event });
        }
        self.tell_agent(to_agent);
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
        self.attendance.take_over(arrival, &self.spec, &self.head);
    }
}

/// Reaps every child that has ended and says how `agent` did, if it was among them.
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

/// The agent's next line; `None`, once, when there are no more.
async fn next_line(agent: Option<&mut Agent>) -> Option<AgentLine> {
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
