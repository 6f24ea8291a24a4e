//! The settings that commits of sessions need: the identity, the signature, the form of messages, and
//! the files that are not committed (decision 20).
//!
//! A workspace is a repository of its own, so the settings in the user's repository, and those that
//! the user's configuration includes for it (`includeIf`), would not apply. They are copied into the
//! workspace's configuration. Nothing else is copied but the addresses of remotes, and no
//! credentials. Hooks and filters do not run in workspaces, which a note says.

mod exclude;
mod identity;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ah_rest_api_contract::RepositorySource;

use crate::WorkspaceError;
use crate::git::Git;
use crate::source::Folders;

/// The settings of the author, which name no program.
const IDENTITY: [&str; 7] = [
    "author.email",
    "author.name",
    "committer.email",
    "committer.name",
    "user.email",
    "user.name",
    "user.useconfigonly",
];

/// The settings of signatures, messages, line endings and ignored files. Some of them name programs,
/// so they are copied only from a repository of this user.
const POLICY: [&str; 22] = [
    "commit.cleanup",
    "commit.gpgsign",
    "commit.template",
    "core.attributesfile",
    "core.autocrlf",
    "core.commentchar",
    "core.commentstring",
    "core.eol",
    "core.excludesfile",
    "gpg.format",
    "gpg.mintrustlevel",
    "gpg.openpgp.program",
    "gpg.program",
    "gpg.ssh.allowedsignersfile",
    "gpg.ssh.defaultkeycommand",
    "gpg.ssh.program",
    "gpg.ssh.revocationfile",
    "gpg.x509.program",
    "i18n.commitencoding",
    "tag.forcesignannotated",
    "tag.gpgsign",
    "user.signingkey",
];

/// The settings whose value is a path, relative to the top of the repository.
const PATHS: [&str; 5] = [
    "commit.template",
    "core.attributesfile",
    "core.excludesfile",
    "gpg.ssh.allowedsignersfile",
    "gpg.ssh.revocationfile",
];

/// The maximum number of names in a note.
const NAMED_MAX: usize = 5;

/// A value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    /// The value; `None` for a name without one, which is true.
    value: Option<String>,
    /// True if it is from the repository's own configuration.
    is_local: bool,
}

/// The effective values of a configuration by name, in lower case.
#[derive(Debug, Default)]
struct GitSettings(BTreeMap<String, Setting>);

/// Names and values of settings; a name without a value is true.
pub(crate) type SettingValues = Vec<(&'static str, Option<String>)>;

/// The settings of a repository for the commits of its sessions.
#[derive(Debug, Default)]
pub(crate) struct CommitSettings {
    /// The settings of the git folder of a session.
    pub(crate) values: SettingValues,
    /// The patterns of ignored files in the repository's own folder.
    pub(crate) exclude: Option<Vec<u8>>,
    /// The patterns of ignored files of the user, for all repositories.
    pub(crate) user_exclude: Option<Vec<u8>>,
    /// The remotes of the repository, if it is on this host.
    pub(crate) remotes: Vec<Remote>,
    /// Sentences for people about what differs from the repository.
    pub(crate) notes: Vec<String>,
}

/// A remote of a repository on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: RepositorySource,
    /// True if objects that the repository lacks are fetched from it, as in a partial clone.
    pub(crate) is_promisor: bool,
}

impl CommitSettings {
    /// Reads the settings of a repository on this host, or those of the user alone.
    pub(crate) async fn of(
        git: &Git,
        repository: Option<&Folders>,
    ) -> Result<Self, WorkspaceError> {
        let args = ["config", "--list", "--show-scope", "--null"];
        let call = git.call("read the repository's settings", args);
        let call = match repository {
            Some(Folders { top, .. }) => call.at(top),
            None => call,
        };
        let settings = GitSettings::read(&call.run().await?);
        let mut found = Self::default();
        match repository {
            Some(folders) => found.read_local(&settings, folders),
            None => found.read_all(&settings),
        }
        found.user_exclude = exclude::of_user(found.text("core.excludesfile"), git);
        let (fallback, note) = identity::fallback(&settings, git.has_email());
        found.values.extend(fallback);
        found.notes.extend(note);
        found.notes.extend(found.signature_note());
        Ok(found)
    }

    /// Reads the settings of a repository on this host.
    fn read_local(&mut self, settings: &GitSettings, repository: &Folders) {
        let Folders { top, git: folder } = repository;
        let is_own = is_own(&folder.join("config"));
        let applies =
            |name: &str, setting: &Setting| is_own || !setting.is_local || IDENTITY.contains(&name);
        let refused = POLICY.iter().any(|name| {
            let setting = settings.0.get(*name);
            setting.is_some_and(|setting| !applies(name, setting))
        });
        if refused {
            self.notes.push(
                "The repository belongs to another user, so its settings of signatures and \
                 messages do not apply to commits in the workspace."
                    .to_owned(),
            );
        }
        for name in IDENTITY.iter().chain(&POLICY) {
            if let Some(setting) = settings.0.get(*name)
                && applies(name, setting)
            {
                let value = absolute(name, setting.value.clone(), top);
                self.values.push((name, value));
            }
        }
        self.notes.extend(settings.hooks_note(folder));
        self.notes.extend(settings.filters_note());
        match exclude::of_repository(folder) {
            Ok(patterns) => self.exclude = patterns,
            Err(error) => self.notes.push(format!(
                "The patterns of ignored files in `info/exclude` do not apply in the workspace: {error}."
            )),
        }
        self.remotes = settings.remotes(top);
    }

    /// Takes the settings of the user, who has no repository on this host.
    fn read_all(&mut self, settings: &GitSettings) {
        for name in IDENTITY.iter().chain(&POLICY) {
            if let Some(setting) = settings.0.get(*name) {
                self.values.push((name, setting.value.clone()));
            }
        }
    }

    /// Returns the value of a setting of the session; `None` if it is absent or blank.
    fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.iter().find(|(it, _)| *it == name)?;
        value
            .as_deref()
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// Returns a note about signatures, if commits have them.
    fn signature_note(&self) -> Option<String> {
        let is_signed = |(name, value): &(&str, Option<String>)| {
            *name == "commit.gpgsign" && value.as_deref().is_none_or(is_true)
        };
        self.values.iter().any(is_signed).then(|| {
            "Commits in the workspace are signed (`commit.gpgSign`). A key that asks for a passphrase \
             at a terminal fails them."
                .to_owned()
        })
    }

    /// Returns true if line endings are converted.
    pub(crate) fn converts(&self) -> bool {
        let of_lines = |(name, value): &(&str, Option<String>)| {
            matches!(*name, "core.autocrlf" | "core.eol")
                && value.as_deref().is_some_and(|value| value != "false")
        };
        self.values.iter().any(of_lines)
    }
}

impl GitSettings {
    /// Parses the output of `git config --list --show-scope --null`: pairs of a scope and a setting,
    /// whose name ends at the first line break. Later values override earlier ones.
    fn read(printed: &[u8]) -> Self {
        let printed = String::from_utf8_lossy(printed);
        let mut fields = printed.split_terminator('\0');
        let mut settings = BTreeMap::new();
        while let (Some(scope), Some(setting)) = (fields.next(), fields.next()) {
            // The settings of the call itself.
            if scope == "command" {
                continue;
            }
            let (name, value) = match setting.split_once('\n') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (setting, None),
            };
            let is_local = matches!(scope, "local" | "worktree");
            settings.insert(canonical(name), Setting { value, is_local });
        }
        Self(settings)
    }

    /// Returns the value of a text; `None` if it is absent or blank.
    fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.value.as_deref()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns true for a boolean that is set to one of git's words for it.
    fn is_true(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|setting| setting.value.as_deref().is_none_or(is_true))
    }

    /// Returns the remotes of the repository at `top`. One whose address cannot be used is skipped.
    fn remotes(&self, top: &Path) -> Vec<Remote> {
        let of_remote = |(name, setting): (&String, &Setting)| {
            let name = name.strip_prefix("remote.")?.strip_suffix(".url")?;
            let url = setting.value.as_deref().filter(|_| setting.is_local)?;
            let is_path = !url.contains(':') && !url.starts_with(['/', '~']);
            let address = match is_path {
                true => RepositorySource::Path(top.join(url)),
                false => RepositorySource::parse(url).ok()?,
            };
            Some(Remote {
                name: name.to_owned(),
                address,
                is_promisor: self.is_true(&format!("remote.{name}.promisor"))
                    || self.text("extensions.partialclone") == Some(name),
            })
        };
        self.0.iter().filter_map(of_remote).collect()
    }

    /// Returns a note about the hooks that a commit in the repository runs, if any.
    fn hooks_note(&self, folder: &Path) -> Option<String> {
        let hooks = match self.0.get("core.hookspath") {
            // The user's own hooks run in workspaces as everywhere.
            Some(setting) if !setting.is_local => return None,
            Some(setting) => format!("`core.hooksPath` is `{}`", setting.value.as_deref()?),
            None => {
                let names = executables(&folder.join("hooks"));
                let named: Vec<String> = names
                    .iter()
                    .take(NAMED_MAX)
                    .map(|name| format!("`{name}`"))
                    .collect();
                (!named.is_empty()).then(|| named.join(", "))?
            }
        };
        Some(format!(
            "The hooks of the repository do not run in the workspace ({hooks}), so they check no \
             commit of the agent."
        ))
    }

    /// Returns a note about filters of the repository's own configuration, if any.
    fn filters_note(&self) -> Option<String> {
        let of_filter = |(name, setting): (&String, &Setting)| {
            let (filter, _) = name.strip_prefix("filter.")?.rsplit_once('.')?;
            setting.is_local.then(|| format!("`{filter}`"))
        };
        let mut filters: Vec<String> = self.0.iter().filter_map(of_filter).collect();
        filters.dedup();
        filters.truncate(NAMED_MAX);
        (!filters.is_empty()).then(|| {
            format!(
                "The filters of the repository's own configuration are not used in the workspace \
                 ({}), so its files are read and committed as they are stored.",
                filters.join(", ")
            )
        })
    }
}

/// Returns true for one of git's words for it.
fn is_true(value: &str) -> bool {
    ["true", "yes", "on", "1"].contains(&value.to_lowercase().as_str())
}

/// Returns the name of a setting with its section and its last part in lower case. The part between
/// them, such as the name of a remote, is kept.
fn canonical(name: &str) -> String {
    let (section, rest) = name.split_once('.').unwrap_or((name, ""));
    match rest.rsplit_once('.') {
        Some((part, key)) => {
            let (section, key) = (section.to_lowercase(), key.to_lowercase());
            format!("{section}.{part}.{key}")
        }
        None => name.to_lowercase(),
    }
}

/// Makes the value of a setting that is a path absolute. Paths in the home stay as they are.
fn absolute(name: &str, value: Option<String>, top: &Path) -> Option<String> {
    let value = value?;
    let is_relative = PATHS.contains(&name)
        && Path::new(&value).is_relative()
        && !value.starts_with(['~', '%'])
        && !value.is_empty();
    match top.join(&value).to_str() {
        Some(path) if is_relative => Some(path.to_owned()),
        _ => Some(value),
    }
}

/// Returns true if the file belongs to this user or to root.
fn is_own(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    std::fs::metadata(path).is_ok_and(|found| [user, 0].contains(&found.uid()))
}

/// Returns the names of the programs in a folder of hooks, in order.
fn executables(folder: &Path) -> Vec<String> {
    let is_program = |path: &PathBuf| {
        path.extension().is_none()
            && std::fs::metadata(path)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_program)
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_counts_and_the_call_itself_does_not() {
        let printed = b"global\0user.name\nG\0local\0user.Name\nL\nines\0local\0commit.gpgSign\0\
                        command\0user.name\nC\0";
        let settings = GitSettings::read(printed);
        let local = |value: Option<&str>| Setting {
            value: value.map(str::to_owned),
            is_local: true,
        };
        assert_eq!(settings.0["user.name"], local(Some("L\nines")));
        assert_eq!(settings.0["commit.gpgsign"], local(None));
    }

    #[test]
    fn only_relative_paths_are_changed() {
        let of = |name, value: &str| absolute(name, Some(value.to_owned()), Path::new("/top"));
        assert_eq!(of("commit.template", ".message").unwrap(), "/top/.message");
        for (name, value) in [
            ("commit.template", "~/.message"),
            ("commit.template", "/etc/message"),
            ("commit.template", ""),
            ("user.name", "A"),
        ] {
            assert_eq!(of(name, value).unwrap(), value);
        }
    }
}
