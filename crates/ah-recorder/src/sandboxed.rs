//! The start of an agent in its sandbox.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use ah_agents::home::Home;
use ah_agents::{LaunchSpec, SessionFolder};
use ah_sandbox::Confinement;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The maximum time until a process has confined itself and has become the agent.
const CONFINED_WAIT_MAX: Duration = Duration::from_secs(20);

/// The maximum length of the reason of a process that could not, in bytes.
const REASON_BYTES_MAX: u64 = 4 * 1024;

/// The report of a process that confines itself: empty once it has become the agent.
#[derive(Debug)]
pub(crate) struct ConfinedStart {
    report: File,
}

/// Returns the sandbox of the agent with the places of its session: its folders, and what its home
/// links to. `None` without a sandbox.
pub(crate) fn confinement(spec: &LaunchSpec, folder: &SessionFolder) -> Option<Confinement> {
    let mut confinement = spec.sandbox.as_ref()?.confinement.clone();
    let home = folder.home();
    confinement.own.extend([home.clone(), folder.temporary()]);
    confinement.given.push(folder.settings());
    if let Some(plan) = &spec.agent.home {
        let target = |path| fs::canonicalize(home.join(path)).ok();
        confinement
            .given
            .extend(plan.linked.iter().filter_map(target));
        confinement
            .renewed
            .extend(plan.renewed.iter().filter_map(target));
    }
    Some(confinement)
}

/// The caches that tools create where a variable says, and their folders among the temporary files.
/// Those of the user are readable, but not writable.
const CACHES: [(&str, &str); 3] = [
    ("XDG_CACHE_HOME", "cache"),
    ("npm_config_cache", "cache/npm"),
    ("npm_config_logs_dir", "cache/npm-logs"),
];

/// Gives the agent caches of its own.
pub(crate) fn add_caches(home: &mut Home, folder: &SessionFolder) {
    for (name, path) in CACHES {
        let path = folder.temporary().join(path);
        home.variables.entry(name.to_owned()).or_insert(path);
    }
}

/// Returns the command that confines itself and becomes `command`, and its report.
pub(crate) fn command(
    launcher: &[String],
    confinement: &Confinement,
    command: &[String],
) -> io::Result<(Command, ConfinedStart)> {
    let missing = || io::Error::other("the program of its sandbox is missing");
    let (program, arguments) = launcher.split_first().ok_or_else(missing)?;
    let (report, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let passed = File::from(writer);
    let mut process = Command::new(program);
    process
        .args(arguments)
        .arg("--report")
        .arg(passed.as_raw_fd().to_string())
        .arg("--sandbox")
        .arg(serde_json::to_string(confinement)?)
        .arg("--")
        .args(command);
    pass_on(&mut process, passed);
    let start = ConfinedStart {
        report: report.into(),
    };
    Ok((process, start))
}

/// Leaves a descriptor open in the process of `command`.
#[expect(
    unsafe_code,
    reason = "what a process does to itself before it becomes another program has no safe form"
)]
fn pass_on(command: &mut Command, file: File) {
    let pass = move || {
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. The closure makes
    // one system call on a descriptor that was made before the fork.
    unsafe {
        command.pre_exec(pass);
    }
}

impl ConfinedStart {
    /// Waits until the process has become the agent. Its [`Command`] must be dropped, which holds the
    /// other end of the report.
    ///
    /// # Errors
    /// It could not, with its reason.
    pub(crate) fn wait(self) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let left = CONFINED_WAIT_MAX.saturating_sub(began.elapsed());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut polled = [PollFd::new(&self.report, PollFlags::IN)];
            match poll(&mut polled, Some(&left)) {
                // A process that the recorder has adopted has ended.
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => {
                    let seconds = CONFINED_WAIT_MAX.as_secs();
                    let message = format!("its sandbox was not ready within {seconds} s");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                }
                Ok(_) => break,
            }
        }
        let mut reason = String::new();
        self.report
            .take(REASON_BYTES_MAX)
            .read_to_string(&mut reason)?;
        match reason.is_empty() {
            true => Ok(()),
            false => Err(io::Error::other(reason)),
        }
    }
}
