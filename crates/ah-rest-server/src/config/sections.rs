//! The sections of the configuration. `config/default.toml` documents the fields.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ah_agents::ConfiguredAgents;
use serde::Deserialize;

use super::entry::ConfigEntry;
use super::error::{ConfigError, Layer};

/// The values of `task.permissions`.
const PERMISSIONS: [&str; 3] = ["ask", "allow", "deny"];
/// The values of `workspace.push`.
const PUSHES: [&str; 2] = ["refuse", "allow"];
/// The values in `workspace.providers`.
const PROVIDERS: [&str; 2] = ["overlay", "worktree"];
/// The values of `sandbox.profile`.
const PROFILES: [&str; 2] = ["default", "disabled"];
/// The values in `sandbox.require`.
pub(super) const PROTECTIONS: [&str; 5] =
    ["files", "signals", "mounts", "processes", "system_calls"];
/// The values of `task.priority`.
const PRIORITIES: [&str; 2] = ["normal", "high"];

/// The values of `sessions.devcontainer`.
const DEVCONTAINERS: [&str; 2] = ["refuse", "local"];

/// The whole configuration, validated.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) server: ServerSection,
    pub(crate) auth: AuthSection,
    pub(crate) limits: LimitsSection,
    pub(crate) sessions: SessionsSection,
    pub(super) workspace: WorkspaceSection,
    pub(super) sandbox: SandboxSection,
    pub(super) cli: CliSection,
    pub(super) task: TaskSection,
    pub(super) agents: ConfiguredAgents,
    pub(super) entries: Vec<ConfigEntry>,
    /// Every key with its value, as TOML.
    pub(super) effective: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Sections {
    pub(super) server: ServerSection,
    pub(super) auth: AuthSection,
    pub(super) limits: LimitsSection,
    pub(super) sessions: SessionsSection,
    pub(super) workspace: WorkspaceSection,
    pub(super) sandbox: SandboxSection,
    pub(super) cli: CliSection,
    pub(super) task: TaskSection,
}

/// The address of the server, its names and its connections.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ServerSection {
    pub(crate) bind: IpAddr,
    pub(crate) port: u16,
    pub(crate) allowed_hosts: BTreeSet<String>,
    pub(crate) allowed_origins: BTreeSet<String>,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout_ms: u64,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) write_timeout_ms: u64,
    pub(crate) max_connections: usize,
}

/// Authentication.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AuthSection {
    pub(crate) insecure_no_auth: bool,
    pub(crate) public_metrics: bool,
}

/// The limits of its use.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct LimitsSection {
    pub(crate) requests_per_minute: NonZeroU32,
    pub(crate) burst: NonZeroU32,
    pub(crate) max_concurrent_tasks: NonZeroU32,
}

/// The settings of every session.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SessionsSection {
    pub(crate) idle_timeout_ms: u64,
    pub(crate) stop_grace_ms: u64,
    pub(crate) allowed_env: BTreeSet<String>,
    pub(crate) devcontainer: String,
}

/// The settings of every workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct WorkspaceSection {
    pub(super) push: String,
    pub(super) max_file_bytes: u64,
    pub(super) providers: Vec<String>,
    pub(super) max_base_bytes: u64,
}

/// The sandbox of agents.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SandboxSection {
    pub(super) profile: String,
    pub(super) allow_disabled: bool,
    pub(super) require: BTreeSet<String>,
    pub(super) read: Vec<PathBuf>,
    pub(super) write: Vec<PathBuf>,
    pub(super) deny: Vec<PathBuf>,
}

/// The settings of the command line. An empty text stands for none.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CliSection {
    /// The URL of the access point to use, or `none`.
    pub remote_server: String,
    /// The log filter of standard error.
    pub log: String,
    /// False disables colours.
    pub color: bool,
}

/// The defaults of the options of `ah task`. An empty text stands for none.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TaskSection {
    /// The agent of tasks that name none.
    pub agent: String,
    /// The model.
    pub model: String,
    /// The policy for permission requests: `ask`, `allow` or `deny`.
    pub permissions: String,
    /// The priority: `normal` or `high`.
    pub priority: String,
    /// The time limit, such as `30m`.
    pub timeout: String,
    /// True if sessions wait for further prompts.
    pub interactive: bool,
    /// True if the command follows the session.
    pub follow: bool,
}

impl Sections {
    /// Validates the sections. Refuses a value that its key cannot have.
    pub(super) fn judged(
        self,
        agents: ConfiguredAgents,
        effective: String,
        entries: Vec<ConfigEntry>,
    ) -> Result<Config, ConfigError> {
        let week = 7 * 24 * 60 * 60 * 1000;
        let ranges = [
            (
                "server.body-limit",
                self.server.body_limit as u64,
                1024,
                64 * 1024 * 1024,
            ),
            (
                "server.request-timeout-ms",
                self.server.request_timeout_ms,
                100,
                600_000,
            ),
            (
                "server.idle-timeout-ms",
                self.server.idle_timeout_ms,
                100,
                600_000,
            ),
            (
                "server.write-timeout-ms",
                self.server.write_timeout_ms,
                100,
                600_000,
            ),
            (
                "server.max-connections",
                self.server.max_connections as u64,
                1,
                65_536,
            ),
            (
                "limits.requests-per-minute",
                u64::from(self.limits.requests_per_minute.get()),
                1,
                1_000_000,
            ),
            (
                "limits.burst",
                u64::from(self.limits.burst.get()),
                1,
                1_000_000,
            ),
            (
                "limits.max-concurrent-tasks",
                u64::from(self.limits.max_concurrent_tasks.get()),
                1,
                10_000,
            ),
            (
                "sessions.idle-timeout-ms",
                self.sessions.idle_timeout_ms,
                1,
                week,
            ),
            (
                "sessions.stop-grace-ms",
                self.sessions.stop_grace_ms,
                1,
                600_000,
            ),
            (
                "workspace.max-file-bytes",
                self.workspace.max_file_bytes,
                1024,
                1 << 30,
            ),
            (
                "workspace.max-base-bytes",
                self.workspace.max_base_bytes,
                0,
                1 << 50,
            ),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(wrong(key, format!("must be from {least} to {most}")));
            }
        }
        let words = [
            ("task.permissions", &self.task.permissions, &PERMISSIONS[..]),
            ("workspace.push", &self.workspace.push, &PUSHES),
            ("sandbox.profile", &self.sandbox.profile, &PROFILES),
            ("task.priority", &self.task.priority, &PRIORITIES),
            (
                "sessions.devcontainer",
                &self.sessions.devcontainer,
                &DEVCONTAINERS,
            ),
        ];
        for (key, value, known) in words {
            if !known.contains(&value.as_str()) {
                return Err(wrong(key, format!("must be one of {}", known.join(", "))));
            }
        }
        for name in &self.workspace.providers {
            if !PROVIDERS.contains(&name.as_str()) {
                let known = PROVIDERS.join(", ");
                let message = format!("contains `{name}`, which is not one of {known}");
                return Err(wrong("workspace.providers", message));
            }
        }
        self.sandbox.check()?;
        for origin in &self.server.allowed_origins {
            check_origin(origin)?;
        }
        for host in &self.server.allowed_hosts {
            if host.is_empty() || host.contains(['/', ' ', '*']) || has_port(host) {
                let message = format!("contains `{host}`, which is not a host name without a port");
                return Err(wrong("server.allowed-hosts", message));
            }
        }
        if self.auth.insecure_no_auth && !self.server.bind.is_loopback() {
            return Err(ConfigError::OpenToOthers {
                bind: self.server.bind,
            });
        }
        let Self {
            server,
            auth,
            limits,
            sessions,
            workspace,
            sandbox,
            cli,
            task,
        } = self;
        Ok(Config {
            server,
            auth,
            limits,
            sessions,
            workspace,
            sandbox,
            cli,
            task,
            agents,
            entries,
            effective,
        })
    }
}

impl SandboxSection {
    fn check(&self) -> Result<(), ConfigError> {
        for name in &self.require {
            if !PROTECTIONS.contains(&name.as_str()) {
                let message = format!(
                    "contains `{name}`, which is none of {}",
                    PROTECTIONS.join(", ")
                );
                return Err(wrong("sandbox.require", message));
            }
        }
        let places = [
            ("sandbox.read", &self.read),
            ("sandbox.write", &self.write),
            ("sandbox.deny", &self.deny),
        ];
        for (key, paths) in places {
            let is_placed = |path: &&PathBuf| path.is_absolute() || path.starts_with("~");
            if let Some(path) = paths.iter().find(|path| !is_placed(path)) {
                let shown = path.display();
                let message = format!(
                    "contains `{shown}`, which is neither an absolute path nor one with `~/`"
                );
                return Err(wrong(key, message));
            }
        }
        Ok(())
    }
}

fn check_origin(origin: &str) -> Result<(), ConfigError> {
    let authority = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains(['/', ' ', '*', '@']) => {
            Ok(())
        }
        _ => Err(wrong(
            "server.allowed-origins",
            format!("contains `{origin}`, which is not an origin such as https://harbor.example"),
        )),
    }
}

/// Returns true if a host has a port. A literal IPv6 address contains colons, too.
fn has_port(host: &str) -> bool {
    host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err()
}

fn wrong(key: &str, message: String) -> ConfigError {
    ConfigError::Value {
        layer: Layer::Together,
        key: key.to_owned(),
        message,
    }
}
