//! The program that confines itself and becomes an agent.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::FromRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::files::{self, Rules, Separation};
use crate::mounts::{self, OtherProcesses};
use crate::protection::Protection;
use crate::syscalls;

/// The exit code of a program that could not confine itself or become the agent, as for `env`.
const EXIT_FAILED: u8 = 126;

/// The sandbox of one process. Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confinement {
    /// The protections, each of which is enforced.
    pub protections: BTreeSet<Protection>,
    /// The state folder of the access point, of which nothing is within reach but the places below.
    pub state: PathBuf,
    /// The user's home, if there is one.
    pub home: Option<PathBuf>,
    /// The working folder, which is writable.
    pub workspace: PathBuf,
    /// Further writable folders of the session.
    pub own: Vec<PathBuf>,
    /// Files of the user that the agent writes in place, such as a login that it renews.
    pub renewed: Vec<PathBuf>,
    /// Readable places of the session, within the state folder or the home.
    pub given: Vec<PathBuf>,
    /// Readable places of toolchains ([`toolchain_places`](crate::toolchain_places)).
    pub tools: Vec<PathBuf>,
    /// Configured readable places.
    pub read: Vec<PathBuf>,
    /// Configured writable places.
    pub write: Vec<PathBuf>,
    /// Configured places out of reach.
    pub deny: Vec<PathBuf>,
}

impl Confinement {
    fn has(&self, protection: Protection) -> bool {
        self.protections.contains(&protection)
    }
}

/// Confines this process and becomes `command`. `confinement` is a [`Confinement`] as JSON. Returns
/// only if that fails. The reason is written to the open descriptor `report`, which is closed when the
/// command begins.
///
/// The process must have one thread.
#[must_use]
pub fn confine(confinement: &str, report: i32, command: &[String]) -> ExitCode {
    let Some(mut report) = take(report) else {
        eprintln!(
            "error: {report} is no open descriptor; `ah` passes one to the agents that it starts"
        );
        return ExitCode::from(EXIT_FAILED);
    };
    let Err(reason) = confine_and_become(confinement, &report, command);
    if report.write_all(reason.as_bytes()).is_err() {
        // The recorder has ended, and with it the session.
        eprintln!("error: {reason}");
    }
    ExitCode::from(EXIT_FAILED)
}

/// Takes a descriptor that the starter of this process has passed on; `None` if it is not open, or one
/// of the standard streams.
#[expect(
    unsafe_code,
    reason = "the number of a descriptor is the only way to pass it on"
)]
fn take(number: i32) -> Option<File> {
    let is_open = Path::new("/proc/self/fd")
        .join(number.to_string())
        .symlink_metadata()
        .is_ok();
    // SAFETY: it is open, and nothing in this process knows it: it is called once, before any file is
    // opened that stays open.
    (number > 2 && is_open).then(|| unsafe { File::from_raw_fd(number) })
}

fn confine_and_become(
    confinement: &str,
    report: &File,
    command: &[String],
) -> Result<Infallible, String> {
    let confinement: Confinement = serde_json::from_str(confinement)
        .map_err(|error| format!("the sandbox cannot be read: {error}"))?;
    rustix::io::fcntl_setfd(report, rustix::io::FdFlags::CLOEXEC)
        .map_err(|error| format!("the report cannot be closed later: {error}"))?;
    let (program, arguments) = command.split_first().ok_or("its command line is empty")?;
    enforce(&confinement, command)?;
    let error = Command::new(program).args(arguments).exec();
    Err(error.to_string())
}

/// Enforces every protection on this process.
pub(crate) fn enforce(confinement: &Confinement, command: &[String]) -> Result<(), String> {
    let search = std::env::var_os("PATH");
    let mut access = Access::resolve(confinement, command, search.as_deref());
    if confinement.has(Protection::Mounts) {
        let others = match confinement.has(Protection::Processes) {
            true => OtherProcesses::Hidden,
            false => OtherProcesses::Visible,
        };
        mounts::enter(&access, others)?;
        // It is on another mount now. The folders that cover others are the sandbox's own.
        change_folder(confinement)?;
        access.write.extend(access.scratch.clone());
        access.listed.extend(access.covered.clone());
    }
    if confinement.has(Protection::SystemCalls) {
        syscalls::drop_capabilities()
            .map_err(|error| format!("its capabilities could not be dropped: {error}"))?;
    }
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("new privileges could not be excluded: {error}"))?;
    let signals = match confinement.has(Protection::Signals) {
        true => Separation::Enforced,
        false => Separation::None,
    };
    let rules = Rules {
        files: confinement.has(Protection::Files).then_some(&access),
        signals,
    };
    if rules.files.is_some() || signals == Separation::Enforced {
        files::restrict(rules)?;
    }
    if confinement.has(Protection::SystemCalls) {
        syscalls::filter()?;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the agent, whose folder it is"
)]
fn change_folder(confinement: &Confinement) -> Result<(), String> {
    let changed: io::Result<()> = std::env::set_current_dir(&confinement.workspace);
    changed.map_err(|error| format!("the workspace cannot be entered: {error}"))
}
