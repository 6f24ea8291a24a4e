//! The protections that this host can keep.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::confine::{Confinement, enforce};
use crate::protection::{MissingProtection, Protection};

/// The sandbox that a host offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSandbox {
    /// The protections that it keeps.
    pub kept: BTreeSet<Protection>,
    /// The protections that it cannot keep, each with the reason.
    pub missing: Vec<MissingProtection>,
}

impl HostSandbox {
    /// Returns the sandbox of a host on which nothing can be tried, for this reason.
    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        let missing = Protection::ALL.map(|protection| MissingProtection {
            protection,
            reason: reason.to_owned(),
        });
        Self {
            kept: BTreeSet::new(),
            missing: missing.into(),
        }
    }
}

/// Tries the protections in processes of their own: `trial` with `arguments` and a list of
/// protections, which calls [`try_protections`]. Takes some milliseconds.
#[must_use]
pub fn probe(trial: &Path, arguments: &[&str]) -> HostSandbox {
    let all = BTreeSet::from(Protection::ALL);
    if tried_in(trial, arguments, &all).is_ok() {
        return HostSandbox {
            kept: all,
            missing: Vec::new(),
        };
    }
    let mut found = HostSandbox::default();
    for protection in Protection::ALL {
        let mut tried = found.kept.clone();
        if protection == Protection::Processes && !tried.contains(&Protection::Mounts) {
            found.miss(protection, "it needs `mounts`".to_owned());
            continue;
        }
        tried.insert(protection);
        match tried_in(trial, arguments, &tried) {
            Ok(()) => {
                found.kept.insert(protection);
            }
            Err(reason) => found.miss(protection, reason),
        }
    }
    found
}

/// Enforces these protections, separated by commas, on this process, which must have one thread.
///
/// # Errors
/// The first that cannot be enforced, with the reason as a clause.
pub fn try_protections(names: &str) -> Result<(), String> {
    let protection = |name: &str| {
        Protection::named(name).ok_or_else(|| format!("there is no protection `{name}`"))
    };
    let confinement = Confinement {
        protections: names.split(',').map(protection).collect::<Result<_, _>>()?,
        // Any folder that every host has.
        workspace: PathBuf::from("/usr"),
        state: PathBuf::from("/nonexistent"),
        ..Confinement::default()
    };
    enforce(&confinement, &[])
}

impl HostSandbox {
    fn miss(&mut self, protection: Protection, reason: String) {
        self.missing.push(MissingProtection { protection, reason });
    }
}

fn tried_in(
    trial: &Path,
    arguments: &[&str],
    protections: &BTreeSet<Protection>,
) -> Result<(), String> {
    let names: Vec<&str> = protections.iter().map(|it| it.as_str()).collect();
    let output = Command::new(trial)
        .args(arguments)
        .arg(names.join(","))
        .output()
        .map_err(|error| format!("it could not be tried: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.lines().next().unwrap_or("the trial failed").to_owned())
}
