//! The settings that commits of sessions need: the identity, the signature, the form of messages, and
//! the files that are not committed (decision 20).
//!
//! A workspace belongs to a mirror, so the settings in the repository's own configuration, and those
//! that the user's configuration includes for it (`includeIf`), would not apply. They are copied
//! into the configuration of the worktree, where they differ. Nothing else is copied, in particular
//! no credentials. Hooks and filters do not run in workspaces, which a note says.

mod exclude;
mod identity;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::WorkspaceError;
use crate::git::Git;
use crate::lock::FileLock;
use crate::record::Workspace;

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
    values: SettingValues,
    /// The folder of the repository on this host; `None` for other repositories.
    folder: Option<PathBuf>,
    /// Sentences for people about what is not used.
    notes: Vec<String>,
}

impl CommitSettings {
    /// Reads the settings of the repository at `top`.
    pub(crate) async fn of(git: &Git, top: &Path) -> Result<Self, WorkspaceError> {
        let args = ["config", "--list", "--show-scope", "--null"];
        let call = git.call("read the repository's settings", args).at(top);
        let settings = GitSettings::read(&call.run().await?);
        let args = ["rev-parse", "--git-common-dir"];
        let call = git.call("find the repository's folder", args).at(top);
        let folder = top.join(call.text().await?);
        let is_own = is_own(&folder.join("config"));
        let mut found = Self::default();
        for name in IDENTITY.iter().chain(&POLICY) {
            let Some(setting) = settings.0.get(*name) else {
                continue;
            };
            if is_own || !setting.is_local || IDENTITY.contains(name) {
                let value = setting.value.clone();
                found.values.push((name, absolute(name, value, top)));
            } else if found.notes.is_empty() {
                found.notes.push(
                    "The repository belongs to another user, so its settings of signatures and \
                     messages do not apply to commits in the workspace."
                        .to_owned(),
                );
            }
        }
        found.notes.extend(settings.hooks_note(&folder));
        found.notes.extend(settings.filters_note());
        found.folder = Some(folder);
        Ok(found)
    }

    /// Copies the settings into the configuration of the worktree of `workspace`, unless they apply
    /// there already, and adds an identity if there is none. The caller holds the lock of the
    /// repository. Returns sentences for people about what differs from the repository.
    pub(crate) async fn copy(
        self,
        git: &Git,
        workspace: &Workspace,
        lock: &FileLock,
    ) -> Result<Vec<String>, WorkspaceError> {
        let (missing, notes) = self.missing(git, workspace, lock).await?;
        if missing.is_empty() {
            return Ok(notes);
        }
        separate_worktrees(git, &workspace.repository, lock).await?;
        for (name, value) in missing {
            let value = value.as_deref().unwrap_or("true");
            let args = ["config", "--worktree", "--replace-all", name, value];
            let call = git.call("copy the repository's settings", args);
            call.git_dir(&workspace.git_dir()).under(lock).run().await?;
        }
        Ok(notes)
    }

    /// Returns the settings that the worktree of `workspace` lacks, and sentences for people about
    /// what differs from the repository. Copies the patterns of ignored files.
    pub(crate) async fn missing(
        mut self,
        git: &Git,
        workspace: &Workspace,
        lock: &FileLock,
    ) -> Result<(SettingValues, Vec<String>), WorkspaceError> {
        if let Some(folder) = &self.folder
            && let Err(error) = exclude::copy(folder, &workspace.repository)
        {
            self.notes.push(format!(
                "The patterns of ignored files in `info/exclude` do not apply in the workspace: {error}."
            ));
        }
        let args = ["config", "--list", "--show-scope", "--null"];
        let call = git.call("read the workspace's settings", args);
        let present =
            GitSettings::read(&call.git_dir(&workspace.git_dir()).under(lock).run().await?);
        let is_different = |(name, value): &(&str, Option<String>)| {
            let found = present.0.get(*name);
            found.is_none_or(|setting| setting.value != *value)
        };
        let mut different: Vec<_> = self.values.into_iter().filter(is_different).collect();
        let applied = present.with(&different);
        let (fallback, note) = identity::fallback(&applied, git.has_email());
        different.extend(fallback);
        self.notes.extend(note);
        self.notes.extend(applied.signature_note());
        Ok((different, self.notes))
    }
}

/// Gives each worktree of a bare repository a configuration of its own. The setting that makes the
/// repository bare moves to the repository's own one, as git-worktree(1) demands.
async fn separate_worktrees(
    git: &Git,
    repository: &Path,
    lock: &FileLock,
) -> Result<(), WorkspaceError> {
    let args = ["config", "--get", "extensions.worktreeConfig"];
    let call = git.call("read the mirror's settings", args);
    if call.git_dir(repository).answer().await?.as_deref() == Some("true") {
        return Ok(());
    }
    let own = repository.join("config.worktree");
    let own = own.as_os_str();
    let steps: [&[&std::ffi::OsStr]; 3] = [
        &[
            "--file".as_ref(),
            own,
            "core.bare".as_ref(),
            "true".as_ref(),
        ],
        &["--unset-all".as_ref(), "core.bare".as_ref()],
        &["extensions.worktreeConfig".as_ref(), "true".as_ref()],
    ];
    for step in steps {
        let args = [&["config".as_ref()], step].concat();
        let call = git.call("separate the settings of worktrees", args);
        let output = call.git_dir(repository).under(lock).output().await?;
        // Code 5: there is nothing to unset, after an interruption.
        if !matches!(output.code, Some(0 | 5)) {
            return Err(WorkspaceError::Git {
                operation: "separate the settings of worktrees",
                detail: output.reason(),
            });
        }
    }
    Ok(())
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
            settings.insert(name.to_lowercase(), Setting { value, is_local });
        }
        Self(settings)
    }

    /// Returns these settings with local values on top.
    fn with(mut self, values: &[(&str, Option<String>)]) -> Self {
        for (name, value) in values {
            let value = value.clone();
            let is_local = true;
            self.0
                .insert((*name).to_owned(), Setting { value, is_local });
        }
        self
    }

    /// Returns the value of a text; `None` if it is absent or blank.
    fn text(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.value.as_deref()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Returns true for a boolean that is set to one of git's words for it.
    fn is_true(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|setting| {
            setting.value.as_deref().is_none_or(|value| {
                ["true", "yes", "on", "1"].contains(&value.to_lowercase().as_str())
            })
        })
    }

    /// Returns a note about signatures, if commits have them.
    fn signature_note(&self) -> Option<String> {
        self.is_true("commit.gpgsign").then(|| {
            "Commits in the workspace are signed (`commit.gpgSign`). A key that asks for a passphrase \
             at a terminal fails them."
                .to_owned()
        })
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
