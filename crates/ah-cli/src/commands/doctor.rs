//! `ah doctor`: checks what tasks need, each with its remedy.

use std::path::Path;

use ah_executor_local::{GIT_VERSION_MIN, isolation_of_host};
use ah_rest_api_contract::{Agent, Installation};
use ah_rest_server::file_of;
use serde_json::json;

use crate::environment::{self, CommandSettings};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::terminal::Terminal;
use crate::{git, local, remote, runtime};

use super::default_agent;

/// The free space below which a warning is shown, in bytes. The engine itself only stops at a full
/// disk; a clone of a large repository needs about this much.
const FREE_MIN: u64 = 1 << 30;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckStatus {
    Good,
    /// Tasks can run, but something is missing.
    Warning,
    /// Tasks cannot run.
    Fault,
}

impl CheckStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warning => "warning",
            Self::Fault => "error",
        }
    }
}

/// One check.
#[derive(Clone, Debug)]
struct DoctorCheck {
    name: &'static str,
    status: CheckStatus,
    message: String,
    hint: Option<String>,
}

impl DoctorCheck {
    fn new(name: &'static str, status: CheckStatus, message: impl Into<String>) -> Self {
        Self {
            name,
            status,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn of_failure(name: &'static str, failure: &Failure) -> Self {
        let check = Self::new(name, CheckStatus::Fault, failure.to_string());
        match failure.hints().first() {
            Some(hint) => check.hint(hint.clone()),
            None => check,
        }
    }
}

/// Runs all checks and prints them.
pub(crate) fn run(json: bool, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let mut checks = vec![DoctorCheck::new(
        "version",
        CheckStatus::Good,
        concat!("ah ", env!("CARGO_PKG_VERSION")),
    )];
    checks.push(check_git());
    checks.extend(check_sandbox());
    match environment::home() {
        Ok(home) => {
            checks.push(check_home(&home));
            if checks
                .iter()
                .all(|check| check.status != CheckStatus::Fault)
            {
                checks.extend(check_space(&home));
            }
            match CommandSettings::load() {
                Ok(settings) => {
                    checks.push(configuration(&home));
                    checks.push(runtime::create()?.block_on(access_point(&settings)));
                    checks.extend(agents(&settings));
                }
                Err(failure) => checks.push(DoctorCheck::of_failure("configuration", &failure)),
            }
        }
        Err(failure) => checks.push(DoctorCheck::of_failure("state", &failure)),
    }
    print(&checks, json, terminal)?;
    let has_fault = checks
        .iter()
        .any(|check| check.status == CheckStatus::Fault);
    Ok(if has_fault {
        ExitCode::Configuration
    } else {
        ExitCode::Ok
    })
}

fn print(checks: &[DoctorCheck], json: bool, terminal: &Terminal) -> Result<(), Failure> {
    if json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                json!({
                    "name": check.name,
                    "status": check.status.as_str(),
                    "message": check.message,
                    "hint": check.hint,
                })
            })
            .collect();
        return terminal.print_json(&json!({ "checks": checks }));
    }
    let mut lines = Vec::new();
    for check in checks {
        let (sign, paint) = match check.status {
            CheckStatus::Good => ("✓", Paint::Good),
            CheckStatus::Warning => ("!", Paint::Warn),
            CheckStatus::Fault => ("✗", Paint::Bad),
        };
        let columns = terminal.columns().map(|columns| columns.saturating_sub(2));
        let text = format!("{}: {}", check.name, check.message);
        for (index, part) in crate::text::wrap(&text, columns).iter().enumerate() {
            let sign = if index == 0 { sign } else { " " };
            lines.push(Line::of(paint, format!("{sign} ")).with(Paint::Plain, part));
        }
        for part in check
            .hint
            .iter()
            .flat_map(|hint| crate::text::wrap(hint, columns))
        {
            lines.push(Line::of(Paint::Accent, "  ").with(Paint::Dim, part));
        }
    }
    terminal.print(&lines)
}

fn check_git() -> DoctorCheck {
    let (major, minor) = GIT_VERSION_MIN;
    let install =
        format!("install git {major}.{minor} or newer, for example with `apt install git`");
    match git::version() {
        Err(error) => DoctorCheck::new(
            "git",
            CheckStatus::Fault,
            format!("git cannot be run: {error}"),
        )
        .hint(install),
        Ok(text) => match git::parse_version(&text) {
            Some(version) if version < GIT_VERSION_MIN => {
                DoctorCheck::new("git", CheckStatus::Fault, format!("{text} is too old"))
                    .hint(install)
            }
            Some(_) => DoctorCheck::new("git", CheckStatus::Good, text),
            None => DoctorCheck::new(
                "git",
                CheckStatus::Warning,
                format!("`{text}` names no version"),
            ),
        },
    }
}

/// Tries the protections of the sandbox on this host.
fn check_sandbox() -> Option<DoctorCheck> {
    // `ah` without a path cannot run agents either, which the check of the agents reports.
    let program = std::env::current_exe().ok()?;
    let isolation = isolation_of_host(&program);
    let message = isolation.in_words();
    Some(if isolation.missing.is_empty() {
        DoctorCheck::new("sandbox", CheckStatus::Good, message)
    } else {
        DoctorCheck::new("sandbox", CheckStatus::Warning, message)
            .hint("docs/isolation.md explains each protection and how a host gets it")
    })
}

fn check_home(home: &Path) -> DoctorCheck {
    let shown = home.display();
    if let Err(failure) = environment::check(home) {
        return DoctorCheck::of_failure("state", &failure);
    }
    if !home.exists() {
        return DoctorCheck::new(
            "state",
            CheckStatus::Good,
            format!("{shown} will be created by the first task"),
        );
    }
    match environment::check_place(home) {
        Ok(()) => DoctorCheck::new("state", CheckStatus::Good, shown.to_string()),
        Err(failure) => DoctorCheck::of_failure("state", &failure),
    }
}

/// Checks the free space of the disk that holds the state folder, or will.
fn check_space(home: &Path) -> Option<DoctorCheck> {
    let existing = home.ancestors().find(|path| path.exists())?;
    let found = rustix::fs::statvfs(existing).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let message = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    Some(if free < FREE_MIN {
        DoctorCheck::new("disk", CheckStatus::Warning, message).hint(
            "a session needs space for a checkout of its repository; remove what is not needed",
        )
    } else {
        DoctorCheck::new("disk", CheckStatus::Good, message)
    })
}

fn configuration(home: &Path) -> DoctorCheck {
    let path = file_of(home);
    let message = if path.exists() {
        path.display().to_string()
    } else {
        format!("all defaults; {} does not exist", path.display())
    };
    DoctorCheck::new("configuration", CheckStatus::Good, message)
}

/// Checks whether an access point runs and answers. None is no fault.
async fn access_point(settings: &CommandSettings) -> DoctorCheck {
    match remote::manager(settings).await {
        Ok(Some(_)) => DoctorCheck::new("access point", CheckStatus::Good, "runs and answers"),
        Ok(None) => DoctorCheck::new(
            "access point",
            CheckStatus::Good,
            "none runs; commands work without one",
        ),
        Err(failure) => DoctorCheck::of_failure("access point", &failure),
    }
}

fn agents(settings: &CommandSettings) -> Vec<DoctorCheck> {
    let agents = match local::agents(settings) {
        Ok(agents) => agents,
        Err(failure) => return vec![DoctorCheck::of_failure("agents", &failure)],
    };
    let is_installed =
        |agent: &&Agent| matches!(agent.installation, Installation::Installed { .. });
    let names: Vec<&str> = agents
        .iter()
        .filter(is_installed)
        .map(|agent| agent.agent_type.as_str())
        .filter(|name| *name != default_agent::DEMO)
        .collect();
    let mut checks = vec![if names.is_empty() {
        DoctorCheck::new(
            "agents",
            CheckStatus::Warning,
            "only the scripted demo is available",
        )
        .hint("`ah agents` shows how to install one")
    } else {
        DoctorCheck::new("agents", CheckStatus::Good, names.join(", "))
    }];
    let choice = default_agent::choose(&agents, settings);
    checks.push(match default_agent::named(&choice.agent, &agents) {
        Ok(agent) if is_installed(&agent) => {
            DoctorCheck::new("default agent", CheckStatus::Good, choice.reason)
        }
        Ok(_) => DoctorCheck::new(
            "default agent",
            CheckStatus::Warning,
            format!("{} is not installed", choice.agent),
        )
        .hint("`ah agents` shows how to install it"),
        Err(failure) => DoctorCheck::of_failure("default agent", &failure),
    });
    checks
}
