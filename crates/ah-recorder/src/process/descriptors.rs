//! The limit of open files. A server raises its own, and its recorders get the one that it was
//! started with: programs that use `select` break with a descriptor above 1,023.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The highest limit that is of use: twice the highest number of connections.
const USEFUL_MAX: u64 = 131_072;

/// The limit that this process was started with, if it has raised it.
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit of this process to the hard one, within reason. Recorders that this process starts get
/// the former limit.
///
/// # Errors
/// If the system refuses the limit. The former one then stays.
pub fn raise() -> std::io::Result<()> {
    let inherited = getrlimit(Resource::Nofile);
    let useful = inherited
        .maximum
        .map_or(USEFUL_MAX, |hard| hard.min(USEFUL_MAX));
    // No value means no limit.
    if inherited.current.is_none_or(|current| current >= useful) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(useful),
        maximum: inherited.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    // A second call raises nothing, so the first one has the limit that was inherited.
    INHERITED.get_or_init(|| inherited);
    Ok(())
}

/// Returns the limit for a recorder, if it differs from that of this process.
pub(crate) fn inherited() -> Option<Rlimit> {
    INHERITED.get().cloned()
}
