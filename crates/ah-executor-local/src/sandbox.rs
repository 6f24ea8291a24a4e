//! The sandbox of this host: its settings, and the protections that it keeps.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use ah_agents::{SandboxLaunch, has_own_sandbox};
use ah_rest_api_contract::{AgentType, SandboxProfile, SessionIsolation};
use ah_sandbox::{Confinement, HostSandbox, MissingProtection, Protection};

/// The maximum depth of borrowed object folders; git has the same limit.
const ALTERNATES_MAX: usize = 5;

/// The settings of the sandbox of a host. Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxSettings {
    /// The profile of the runtime `local`.
    pub profile: SandboxProfile,
    /// True if tasks may run without a sandbox.
    pub is_optional: bool,
    /// The protections without which no agent is started.
    pub require: BTreeSet<Protection>,
    /// The user's home, if there is one.
    pub home: Option<PathBuf>,
    /// Readable places of toolchains.
    pub tools: Vec<PathBuf>,
    /// Configured readable places.
    pub read: Vec<PathBuf>,
    /// Configured writable places.
    pub write: Vec<PathBuf>,
    /// Configured places out of reach.
    pub deny: Vec<PathBuf>,
}

/// The sandbox of a host.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    state: PathBuf,
    program: PathBuf,
    pub(crate) settings: SandboxSettings,
    /// Tried once, since a host rarely changes.
    host: Arc<OnceLock<HostSandbox>>,
    /// The places that the user's settings of git name.
    git: Arc<OnceLock<Vec<PathBuf>>>,
}

impl Sandbox {
    /// Creates the sandbox of agents of the state folder `state`, which `program` (`ah`) enters.
    pub(crate) fn new(state: PathBuf, program: PathBuf, settings: SandboxSettings) -> Self {
        Self {
            state,
            program,
            settings,
            host: Arc::default(),
            git: Arc::default(),
        }
    }

    /// Returns the profiles that tasks can have.
    pub(crate) fn profiles(&self) -> Vec<SandboxProfile> {
        let mut profiles = Vec::new();
        if self.settings.profile != SandboxProfile::Disabled {
            profiles.push(self.settings.profile);
        }
        if self.settings.is_optional {
            profiles.push(SandboxProfile::Disabled);
        }
        profiles
    }

    /// Returns the protections of this host for an agent.
    async fn host(&self, agent: Option<&AgentType>) -> HostSandbox {
        let host = self.tried().await;
        match agent {
            Some(agent) if has_own_sandbox(agent.as_str()) => beside_another(host, agent),
            _ => host,
        }
    }

    /// Returns the protections of this host. The first call tries them.
    async fn tried(&self) -> HostSandbox {
        if let Some(host) = self.host.get() {
            return host.clone();
        }
        let program = self.program.clone();
        let tried = tokio::task::spawn_blocking(move || try_host(&program)).await;
        match tried {
            Ok(found) => self.host.get_or_init(|| found).clone(),
            Err(_) => HostSandbox::unknown("its trial was cut short"),
        }
    }

    /// Returns the places that the user's settings of git name. The first call asks git.
    async fn git(&self) -> Vec<PathBuf> {
        if let Some(places) = self.git.get() {
            return places.clone();
        }
        match tokio::task::spawn_blocking(git_places).await {
            Ok(places) => self.git.get_or_init(|| places).clone(),
            Err(_) => Vec::new(),
        }
    }

    /// Returns the isolation that this host gives to agents of a profile.
    pub(crate) async fn isolation(
        &self,
        profile: SandboxProfile,
        agent: Option<&AgentType>,
    ) -> SessionIsolation {
        let isolation = SessionIsolation::new(profile);
        if profile == SandboxProfile::Disabled {
            return isolation;
        }
        in_contract(isolation, &self.host(agent).await)
    }

    /// Checks that this host enforces what its configuration requires.
    pub(crate) async fn check(
        &self,
        profile: SandboxProfile,
        agent: Option<&AgentType>,
    ) -> Result<(), String> {
        if profile == SandboxProfile::Disabled || self.settings.require.is_empty() {
            return Ok(());
        }
        let host = self.host(agent).await;
        let is_required = |it: &&MissingProtection| self.settings.require.contains(&it.protection);
        let missing: Vec<String> = host
            .missing
            .iter()
            .filter(is_required)
            .map(|it| format!("`{}` ({})", it.protection.as_str(), it.reason))
            .collect();
        match &*missing {
            [] => Ok(()),
            missing => Err(format!(
                "this host cannot enforce {}, which `sandbox.require` demands; run the access point \
                 on a host that can (`ah doctor` checks it), or remove it from `sandbox.require`",
                missing.join(", ")
            )),
        }
    }

    /// Returns the sandbox of an agent in this workspace; `None` without one.
    pub(crate) async fn launch(
        &self,
        profile: SandboxProfile,
        agent: &AgentType,
        workspace: &Path,
    ) -> Result<Option<SandboxLaunch>, String> {
        if profile == SandboxProfile::Disabled {
            return Ok(None);
        }
        self.check(profile, Some(agent)).await?;
        let settings = &self.settings;
        let confinement = Confinement {
            protections: self.host(Some(agent)).await.kept,
            state: self.state.clone(),
            home: settings.home.clone(),
            workspace: workspace.to_owned(),
            given: borrowed(&workspace.join(".git/objects")),
            tools: [settings.tools.clone(), self.git().await].concat(),
            read: settings.read.clone(),
            write: settings.write.clone(),
            deny: settings.deny.clone(),
            ..Confinement::default()
        };
        let program = self.program.display().to_string();
        Ok(Some(SandboxLaunch {
            command: [&*program, "agent", "confine"].map(str::to_owned).into(),
            confinement,
        }))
    }
}

/// Tries the protections of this host, with `program` (`ah`). Takes some milliseconds.
#[must_use]
pub fn isolation_of_host(program: &Path) -> SessionIsolation {
    let isolation = SessionIsolation::new(SandboxProfile::Default);
    in_contract(isolation, &try_host(program))
}

/// The settings of git that name places: hooks, patterns, a template, further settings.
const GIT_PLACES: &str = "^(core\\.(hookspath|excludesfile|attributesfile)|commit\\.template|\
                          include(if\\..*)?\\.path|gpg\\.ssh\\.allowedsignersfile)$";

/// Asks git for the places that the user's settings name. Without git there are no workspaces either.
fn git_places() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "config",
            "--global",
            "--includes",
            "--null",
            "--path",
            "--get-regexp",
            GIT_PLACES,
        ])
        .output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let value = |entry: &[u8]| {
        let at = entry.iter().position(|&byte| byte == b'\n')?;
        let path = PathBuf::from(OsStr::from_bytes(&entry[at + 1..]));
        path.is_absolute().then_some(path)
    };
    listed.split(|&byte| byte == 0).filter_map(value).collect()
}

fn try_host(program: &Path) -> HostSandbox {
    ah_sandbox::probe(program, &["agent", "confine", "--try"])
}

/// Returns the protections beside the sandbox that an agent has of its own. It runs commands in
/// namespaces with other mounts, which the other protections refuse.
fn beside_another(mut host: HostSandbox, agent: &AgentType) -> HostSandbox {
    let reason = format!("the sandbox of {agent} itself does not work within another one");
    let refusing = host.kept.iter().filter(|it| **it != Protection::Signals);
    let missing = refusing.map(|&protection| MissingProtection {
        protection,
        reason: reason.clone(),
    });
    host.missing.extend(missing.collect::<Vec<_>>());
    host.kept.retain(|it| *it == Protection::Signals);
    host
}

fn in_contract(isolation: SessionIsolation, host: &HostSandbox) -> SessionIsolation {
    let kept = host.kept.iter().map(|it| it.as_str().to_owned());
    host.missing
        .iter()
        .fold(isolation.with_enforced(kept), |isolation, it| {
            isolation.with_missing(it.protection.as_str().to_owned(), it.reason.clone())
        })
}

/// Returns the object folders that the git folder with these objects borrows. Nothing of an agent has
/// run in it yet.
fn borrowed(objects: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut open = vec![objects.to_owned()];
    for _ in 0..ALTERNATES_MAX {
        let mut next = Vec::new();
        for objects in open.drain(..) {
            let lines = fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
            next.extend(lines.lines().map(|line| objects.join(line)));
        }
        found.extend(next.iter().cloned());
        open = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(settings: SandboxSettings, host: HostSandbox) -> Sandbox {
        let sandbox = Sandbox::new("/state".into(), "/no/program".into(), settings);
        sandbox.host.set(host).unwrap();
        sandbox
    }

    fn weak_host() -> HostSandbox {
        HostSandbox {
            kept: [Protection::Files].into(),
            missing: vec![MissingProtection {
                protection: Protection::Mounts,
                reason: "no namespaces".to_owned(),
            }],
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_stated_and_refused_if_required() {
        let mut settings = SandboxSettings::default();
        let isolation = sandbox(settings.clone(), weak_host())
            .isolation(SandboxProfile::Default, None)
            .await;
        assert_eq!(
            isolation.in_words(),
            "enforced: files; not enforced: mounts (no namespaces)"
        );
        settings.require = [Protection::Files].into();
        let sandbox_of = |settings: &SandboxSettings| sandbox(settings.clone(), weak_host());
        let workspace = Path::new("/workspace");
        let agent = AgentType::new("scenario");
        let launched = sandbox_of(&settings)
            .launch(SandboxProfile::Default, &agent, workspace)
            .await;
        let confinement = launched.unwrap().unwrap().confinement;
        assert_eq!(confinement.protections, [Protection::Files].into());

        settings.require.insert(Protection::Mounts);
        let refused = sandbox_of(&settings)
            .launch(SandboxProfile::Default, &agent, workspace)
            .await;
        let refused = refused.unwrap_err();
        assert!(refused.contains("`mounts` (no namespaces)"), "{refused}");
        let without = sandbox_of(&settings)
            .launch(SandboxProfile::Disabled, &agent, workspace)
            .await;
        assert_eq!(without, Ok(None));
    }

    #[tokio::test]
    async fn an_agent_with_a_sandbox_of_its_own_has_less_and_says_so() {
        let mut host = weak_host();
        host.kept.insert(Protection::Signals);
        let codex = AgentType::new("codex-acp");
        let isolation = sandbox(SandboxSettings::default(), host)
            .isolation(SandboxProfile::Default, Some(&codex))
            .await;
        assert_eq!(isolation.enforced, ["signals"]);
        let missing: Vec<&str> = isolation.missing.iter().map(|it| &*it.protection).collect();
        assert_eq!(missing, ["mounts", "files"]);
    }

    #[test]
    fn borrowed_objects_are_found_at_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, line) in [
            ("a", "../b\n".to_owned()),
            ("b", format!("{}\n", at("c").display())),
        ] {
            fs::create_dir_all(at(name).join("info")).unwrap();
            fs::write(at(name).join("info/alternates"), line).unwrap();
        }
        assert_eq!(borrowed(&at("a")), [at("a/../b"), at("c")]);
    }
}
