//! The access rules of Landlock.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use crate::access::Access;

/// The newest interface that the rules know. An older kernel enforces what it can.
const NEWEST: ABI = ABI::V9;

/// The rules to enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules<'a> {
    /// The places that stay within reach; `None` restricts no file.
    pub(crate) files: Option<&'a Access>,
    /// Separates the signals and abstract sockets of this process from those of others.
    pub(crate) signals: Separation,
}

/// The separation of a process from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separation {
    None,
    Enforced,
}

/// Restricts this thread and its children to come, for ever.
///
/// # Errors
/// The rules cannot be enforced, with the reason as a clause.
pub(crate) fn restrict(rules: Rules<'_>) -> Result<(), String> {
    let enforced = try_restrict(rules).map_err(|error| {
        let reason = with_causes(&error);
        format!("the access rules (Landlock) were refused: {reason}")
    })?;
    match enforced {
        RulesetStatus::NotEnforced => Err("the kernel has no access rules (Landlock)".to_owned()),
        _ => Ok(()),
    }
}

/// Returns an error and its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

fn try_restrict(rules: Rules<'_>) -> Result<RulesetStatus, RulesetError> {
    let mut ruleset = Ruleset::default();
    if rules.signals == Separation::Enforced {
        ruleset = ruleset
            .set_compatibility(CompatLevel::HardRequirement)
            .scope(Scope::Signal | Scope::AbstractUnixSocket)?
            .set_compatibility(CompatLevel::BestEffort);
    }
    if rules.files.is_some() {
        ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
    }
    let mut ruleset = ruleset.create()?;
    if let Some(access) = rules.files {
        for (path, rights) in rights(access) {
            // What vanished meanwhile needs no rule.
            let Ok(file) = PathFd::new(path) else {
                continue;
            };
            let rights = match path.is_dir() {
                true => rights,
                false => rights & AccessFs::from_file(NEWEST),
            };
            ruleset = ruleset.add_rule(PathBeneath::new(file, rights))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Returns the rights to each place.
fn rights(access: &Access) -> impl Iterator<Item = (&Path, BitFlags<AccessFs>)> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute;
    // Devices are files of the host.
    let write = AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock);
    let device = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::IoctlDev
        | AccessFs::MakeReg
        | AccessFs::RemoveFile;
    let listed = BitFlags::from(AccessFs::ReadDir);
    [
        (&access.read, read),
        (&access.listed, listed),
        (&access.devices, device),
        (&access.write, write),
    ]
    .into_iter()
    .flat_map(|(paths, rights)| paths.iter().map(move |path| (path.as_path(), rights)))
}
