//! Determines the repository of a task.

use std::path::Path;

use ah_rest_api_contract::RepositorySource;

use crate::args::TaskArgs;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::git::{UserRepository, root_of};
use crate::text;

const REPO_FORMS: &str = "--repo accepts a path, a URL, user@host:path, or none";

/// The start of a session in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepositoryStart {
    pub(super) branch: Option<String>,
    pub(super) commit: Option<String>,
    /// A warning about what is left out, in one line.
    pub(super) warning: Option<String>,
}

/// Returns the repository that contains the current folder.
pub(super) fn of_current_folder() -> Result<String, Failure> {
    let repository = UserRepository::of_current_folder().map_err(|failure| {
        failure.hint("select one with --repo PATH|URL, or use an empty folder with --repo none")
    })?;
    address(repository.root())
}

/// Determines the start in the repository at this address. A local repository is asked, so that a
/// wrong branch or commit is refused before a session is launched. The host of a URL is not.
pub(super) fn start(url: &str, args: &TaskArgs) -> Result<RepositoryStart, Failure> {
    let mut start = RepositoryStart {
        branch: args.branch.clone(),
        commit: args.commit.clone(),
        warning: None,
    };
    let path = Path::new(url);
    if !path.is_absolute() || !path.exists() {
        if args.with_changes {
            return Err(Failure::validation(
                "--with-changes requires a checkout on this host",
            ));
        }
        return Ok(start);
    }
    // A folder without a repository is refused at the launch, with the reason.
    if root_of(path).as_deref() != Some(path) && !path.join("HEAD").exists() {
        return Ok(start);
    }
    let repository = UserRepository::at(path);
    if let Some(branch) = &start.branch {
        repository.check_branch(branch)?;
    }
    if let Some(revision) = &start.commit {
        let found = repository.commit(revision)?;
        start.commit = Some(found.ok_or_else(|| {
            Failure::validation(format!("--commit {revision} names no commit of {url}"))
        })?);
    }
    let has_work_tree = path.join(".git").exists();
    if start.branch.is_some() || start.commit.is_some() || !has_work_tree {
        return Ok(start);
    }
    // Without a commit, the files cannot be compared with anything.
    if repository.commit("HEAD")?.is_none() {
        return Ok(start);
    }
    let count = repository.uncommitted()?;
    if count == 0 {
        return Ok(start);
    }
    if args.with_changes {
        start.commit = Some(repository.commit_of_changes()?);
    } else {
        let files = text::counted(count as u64, "uncommitted file");
        start.warning = Some(format!(
            "{files} of {url} will not be in the workspace; --with-changes takes them along"
        ));
    }
    Ok(start)
}

/// Returns the repository that `--repo` names: a path if it exists, otherwise an address.
pub(super) fn named(text: &str) -> Result<String, Failure> {
    if text.is_empty() {
        return Err(Failure::new(ExitCode::Repository, "--repo is empty").hint(REPO_FORMS));
    }
    let path = Path::new(text);
    if !path.exists() {
        return match RepositorySource::parse(text) {
            Ok(RepositorySource::Path(_)) => Err(missing(path)),
            Ok(_) => Ok(text.to_owned()),
            Err(_) if !text.contains(':') => Err(missing(path)),
            Err(reason) => Err(Failure::new(
                ExitCode::Repository,
                format!("--repo {text} {reason}"),
            )),
        };
    }
    // The absolute path without symbolic links, since another process resolves it.
    let folder = path.canonicalize().map_err(|error| {
        Failure::new(
            ExitCode::Repository,
            format!("failed to make {text} absolute: {error}"),
        )
        .caused_by(error)
    })?;
    // The executor decides about bare repositories and folders without a repository.
    address(&root_of(&folder).unwrap_or(folder))
}

fn missing(path: &Path) -> Failure {
    Failure::new(
        ExitCode::Repository,
        format!("no such folder: {}", path.display()),
    )
    .hint(REPO_FORMS)
}

fn address(root: &Path) -> Result<String, Failure> {
    root.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(
            ExitCode::Repository,
            format!("the path {} is not valid UTF-8", root.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_resolved_to_its_repository() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let root = folder.path().join("clone");
        let deep = root.join("a/b");
        std::fs::create_dir_all(&deep).expect("folders can be made");
        std::fs::create_dir(root.join(".git")).expect("a folder can be made");
        std::fs::write(root.join(".git/HEAD"), "").expect("a file can be written");
        std::fs::create_dir(root.join("a/.git")).expect("a folder can be made");
        let root = root.to_str().expect("is UTF-8").to_owned();
        let named = |text: &str| named(text).map_err(|failure| failure.to_string());
        assert_eq!(named(deep.to_str().expect("is UTF-8")), Ok(root.clone()));
        assert_eq!(named(&root), Ok(root.clone()));
        assert_eq!(named(&format!("{root}/a/..")), Ok(root.clone()));
        assert_eq!(named(""), Err("--repo is empty".to_owned()));
        let missing = format!("{root}/missing");
        assert_eq!(named(&missing), Err(format!("no such folder: {missing}")));
    }

    #[test]
    fn address_is_passed_through() {
        for text in ["https://example.org/a/b.git", "git@example.org:a/b"] {
            assert_eq!(
                named(text).map_err(|failure| failure.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["ext::sh -c id", "ftp://example.org/a", "no/such/folder"] {
            assert!(named(text).is_err(), "{text}");
        }
    }
}
