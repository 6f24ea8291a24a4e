//! The two git folders of a session: the one that its agent uses, and the store, which is ours.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io;
use std::path::Path;

use ah_rest_api_contract::RepositorySource;
use serde::{Deserialize, Serialize};

use crate::bases::Base;
use crate::commit_settings::CommitSettings;
use crate::config_text::ConfigText;
use crate::index::{self, Entry, Kind};
use crate::layout::{self, GitFolder};
use crate::mirror::{Mirror, MirrorRefs};
use crate::record::{START_ALTERNATES, Workspace};
use crate::repository::NO_BRANCH;
use crate::{WorkspaceError, empty, refs};

/// The name of the copy of the index in the store.
pub(crate) const INDEX: &str = "index";
/// The name of the list of refs at the start, in the store.
const START_REFS: &str = "start-refs";
/// The name of the remote that stands for the source.
const ORIGIN: &str = "origin";
/// The address of pushes that are refused. Git reads it as a path, finds no repository there, and
/// prints it.
const REFUSED: &str = "pushing is disabled in this workspace (setting workspace.push)";
/// The maximum number of `.gitattributes` that are read for a note.
const ATTRIBUTES_READ_MAX: usize = 100;
/// The maximum size of one that is read, in bytes.
const ATTRIBUTES_BYTES_MAX: u64 = 1 << 20;

/// The treatment of pushes from workspaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushPolicy {
    /// A push to a remote fails with a message.
    #[default]
    Refused,
    /// A push to a remote on another host is as in the user's repository. A folder of this host is
    /// never pushed to.
    Allowed,
}

/// The refs and remotes that a session takes over from its repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    refs: BTreeMap<String, String>,
    remote_heads: BTreeMap<String, String>,
    remotes: Vec<(String, RepositorySource)>,
    default_branch: Option<String>,
    shallow: Option<Vec<u8>>,
}

impl Origin {
    /// Returns the origin with these refs of the mirror.
    ///
    /// A repository of this host gives its branches, tags and remote-tracking branches. Any other
    /// one is cloned: its branches are remote-tracking, but for the default one.
    pub(crate) fn of(mirror: &Mirror, settings: &CommitSettings, mirrored: &MirrorRefs) -> Self {
        let mut origin = Self {
            default_branch: None,
            shallow: fs::read(mirror.path.join("shallow")).ok(),
            ..Self::default()
        };
        let default_branch = mirrored.default_branch.as_deref();
        let is_local = mirror.source().as_path().is_some();
        let has_origin = settings.remotes.iter().any(|it| it.name == ORIGIN);
        let mut put = |name: String, id: &String| origin.refs.insert(name, id.clone());
        for (tag, id) in &mirrored.tags {
            put(format!("refs/tags/{tag}"), id);
        }
        for (branch, id) in &mirrored.branches {
            if is_local || Some(branch.as_str()) == default_branch {
                put(format!("refs/heads/{branch}"), id);
            }
            if !is_local || !has_origin {
                put(format!("refs/remotes/{ORIGIN}/{branch}"), id);
            }
        }
        for (branch, id) in &mirrored.tracking {
            let is_of_origin = branch.starts_with("origin/");
            if !branch.ends_with("/HEAD") && (has_origin || !is_of_origin) {
                put(format!("refs/remotes/{branch}"), id);
            }
        }
        for remote in &settings.remotes {
            let (name, address) = (remote.name.clone(), remote.address.clone());
            origin.remotes.push((name, address));
        }
        if !has_origin {
            let source = mirror.source().address().clone();
            origin.remotes.push((ORIGIN.to_owned(), source));
        }
        let head = match mirrored.tracking.get("origin/HEAD") {
            Some(id) if has_origin => origin.branch_at(id, default_branch),
            _ => default_branch.map(str::to_owned),
        };
        let is_there = |branch: &String| {
            let name = format!("refs/remotes/{ORIGIN}/{branch}");
            origin.refs.contains_key(&name)
        };
        if let Some(branch) = head.filter(is_there) {
            origin.remote_heads.insert(ORIGIN.to_owned(), branch);
        }
        let default_branch = default_branch.map(str::to_owned);
        origin.default_branch = default_branch.filter(is_there);
        origin
    }
}

/// Creates the two git folders of a workspace, whose folder exists. A workspace without a base gets
/// one without files.
pub(crate) fn create(
    workspace: &mut Workspace,
    settings: &CommitSettings,
    origin: &Origin,
    push: PushPolicy,
) -> Result<(), WorkspaceError> {
    let Some(store) = workspace.store.clone() else {
        return Ok(());
    };
    let mirrored = (workspace.repository != store).then(|| workspace.repository.join("objects"));
    let is_empty = workspace.base_commit.is_empty();
    if is_empty {
        let format = origin.object_format(&workspace.repository);
        workspace.base_commit = empty::write(&store.join("objects"), format)?;
        if mirrored.is_some() {
            workspace
                .notes
                .push("The repository had no commit, so the workspace began empty.".to_owned());
        }
    }
    let format = workspace.object_format();
    let base = workspace.base_commit.clone();
    let mut config = ConfigText::of_repository(format, true);
    for (name, value) in &settings.values {
        if let ("core.autocrlf" | "core.eol", Some(value)) = (*name, value) {
            config.set(name, value);
        }
    }
    let excludes = [&settings.user_exclude, &settings.exclude];
    let patterns: Vec<_> = excludes.into_iter().flatten().cloned().collect();
    let branch = format!("refs/heads/ah/{}", workspace.session);
    let own = GitFolder {
        head: NO_BRANCH.to_owned(),
        config,
        alternates: mirrored.clone().into_iter().collect(),
        shallow: origin.shallow.clone(),
        refs: BTreeMap::from([
            (workspace.private_ref("base"), base.clone()),
            (branch.clone(), base.clone()),
        ]),
        exclude: (!patterns.is_empty()).then(|| patterns.join(&b'\n')),
        ..GitFolder::default()
    };
    own.create(&store)?;
    let mut refs = origin.refs.clone();
    // A branch cannot be beside a branch in a folder of its name.
    let below = format!("{branch}/");
    refs.retain(|name, _| name != "refs/heads/ah" && !name.starts_with(&below));
    refs.insert(branch.clone(), base);
    fs::write(store.join(START_REFS), listed(&refs))
        .map_err(WorkspaceError::file("write", store.join(START_REFS)))?;
    let mut alternates: Vec<_> = mirrored.into_iter().collect();
    if is_empty {
        alternates.push(store.join("objects"));
    }
    let kept = store.join(START_ALTERNATES);
    fs::write(&kept, layout::alternates(&alternates))
        .map_err(WorkspaceError::file("write", &kept))?;
    let agents = GitFolder {
        head: branch,
        config: agents_config(workspace, settings, origin, push),
        alternates,
        shallow: origin.shallow.clone(),
        refs,
        remote_heads: origin.remote_heads.clone(),
        exclude: settings.exclude.clone(),
    };
    agents.create(&workspace.agents_git_dir())
}

impl Origin {
    /// Returns the branch of the remote `origin` at this commit, which its HEAD names. The commit may
    /// be that of several branches.
    fn branch_at(&self, id: &str, default_branch: Option<&str>) -> Option<String> {
        let prefix = format!("refs/remotes/{ORIGIN}/");
        let at = |(name, it): (&String, &String)| {
            let branch = name.strip_prefix(&prefix)?;
            (it == id).then(|| branch.to_owned())
        };
        let branches: Vec<String> = self.refs.iter().filter_map(at).collect();
        let preferred = default_branch.into_iter().chain(["main", "master"]);
        let mut preferred = preferred.filter_map(|name| branches.iter().find(|it| *it == name));
        preferred.next().or_else(|| branches.first()).cloned()
    }

    /// Returns the hash function of the repository's objects.
    fn object_format(&self, repository: &Path) -> &'static str {
        let of_length = |length| if length == 64 { "sha256" } else { "sha1" };
        if let Some(id) = self.refs.values().next() {
            return of_length(id.len());
        }
        let config = fs::read_to_string(repository.join("config")).unwrap_or_default();
        match config.contains("sha256") {
            true => "sha256",
            false => "sha1",
        }
    }
}

fn agents_config(
    workspace: &Workspace,
    settings: &CommitSettings,
    origin: &Origin,
    push: PushPolicy,
) -> ConfigText {
    let mut config = ConfigText::of_repository(workspace.object_format(), false);
    config.set("core.logallrefupdates", "true");
    for (name, address) in &origin.remotes {
        let url = address.without_credentials();
        config.set(&format!("remote.{name}.url"), &url);
        let refspec = format!("+refs/heads/*:refs/remotes/{name}/*");
        config.set(&format!("remote.{name}.fetch"), &refspec);
        // The user's checkout is never written, whatever the setting.
        if push == PushPolicy::Refused || address.as_path().is_some() {
            config.set(&format!("remote.{name}.pushurl"), REFUSED);
        }
    }
    if let Some(branch) = &origin.default_branch {
        config.set(&format!("branch.{branch}.remote"), ORIGIN);
        let merge = format!("refs/heads/{branch}");
        config.set(&format!("branch.{branch}.merge"), &merge);
    }
    for (name, value) in &settings.values {
        config.set(name, value.as_deref().unwrap_or("true"));
    }
    config
}

/// Keeps what is needed to notice changes, before the agent starts: a copy of the index. A workspace
/// with a prepared checkout gets the index of that, too.
pub(crate) fn keep_start(workspace: &mut Workspace) -> Result<(), WorkspaceError> {
    let Some(store) = workspace.store.clone() else {
        return Ok(());
    };
    let agents = workspace.agents_git_dir().join(INDEX);
    let from = match &workspace.base {
        Some(base) => Base::index_of(base),
        None => agents.clone(),
    };
    let copy = |to: &Path| {
        let copied = copy_index(&from, to);
        copied.map_err(WorkspaceError::file("copy the index", &from))
    };
    if workspace.base.is_some() {
        copy(&agents)?;
    }
    let kept = store.join(INDEX);
    if copy(&kept)? && workspace.base.is_none() {
        let entries = index::read(&kept, workspace.base_commit.len() / 2)?;
        let remarks = Remarks::on(&entries, &workspace.path);
        remarks.add_to(workspace);
    }
    Ok(())
}

/// Remarks on the files of a commit that are not what they seem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remarks {
    /// True if files may differ from their objects in line endings or encoding.
    converts: bool,
    /// Sentences for people.
    notes: Vec<String>,
}

impl Remarks {
    /// Returns the remarks on the files in `folder`.
    pub(crate) fn on(entries: &[Entry], folder: &Path) -> Self {
        let is_attributes =
            |path: &[u8]| path == b".gitattributes" || path.ends_with(b"/.gitattributes");
        let attributes = entries.iter().filter(|it| is_attributes(&it.path));
        let mut remarks = Self::default();
        let mut has_large_files = false;
        for entry in attributes.take(ATTRIBUTES_READ_MAX) {
            remarks.converts = true;
            let path = folder.join(os_path(&entry.path));
            let content = refs::read_file(&path, ATTRIBUTES_BYTES_MAX).unwrap_or_default();
            has_large_files |= String::from_utf8_lossy(&content).contains("filter=lfs");
        }
        if has_large_files {
            remarks.notes.push(
                "Files of Git LFS are pointers in the workspace; `git lfs pull` fetches their \
                 content."
                    .to_owned(),
            );
        }
        if entries.iter().any(|entry| entry.kind == Kind::Commit) {
            remarks.notes.push(
                "The submodules of the repository are empty in the workspace; `git submodule \
                 update --init` fills them."
                    .to_owned(),
            );
        }
        remarks
    }

    /// Adds the remarks to a workspace.
    pub(crate) fn add_to(self, workspace: &mut Workspace) {
        workspace.converts |= self.converts;
        workspace.notes.extend(self.notes);
    }
}

fn os_path(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

/// Returns the refs of the agent's git folder at the start.
pub(crate) fn start_refs(workspace: &Workspace) -> BTreeMap<String, String> {
    let list = fs::read_to_string(workspace.store().join(START_REFS)).unwrap_or_default();
    let line = |line: &str| {
        let (id, name) = line.split_once(' ')?;
        Some((name.to_owned(), id.to_owned()))
    };
    list.lines().filter_map(line).collect()
}

fn listed(refs: &BTreeMap<String, String>) -> String {
    let lines = refs.iter().map(|(name, id)| format!("{id} {name}\n"));
    lines.collect()
}

/// Copies an index with its modification time, and returns true if it exists. A file that is as new
/// as the index is read again, so a newer copy would hide a change.
fn copy_index(from: &Path, to: &Path) -> io::Result<bool> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut copy = File::create(to)?;
    io::copy(&mut source, &mut copy)?;
    let modified = source.metadata()?.modified()?;
    copy.set_times(FileTimes::new().set_modified(modified))?;
    Ok(true)
}
