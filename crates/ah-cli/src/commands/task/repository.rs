//! Determines the repository of a task.

use std::path::Path;

use ah_rest_api_contract::RepositorySource;

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::git::root_of;

const REPO_FORMS: &str = "--repo accepts a path, a URL, user@host:path, or none";

/// Returns the repository that contains the current folder.
pub(super) fn of_current_folder() -> Result<String, Failure> {
    let folder = std::env::current_dir().map_err(|error| {
        Failure::new(
            ExitCode::Repository,
            "failed to determine the current folder",
        )
        .caused_by(error)
    })?;
    let root = root_of(&folder).ok_or_else(|| {
        Failure::new(
            ExitCode::Repository,
            format!("{} is not in a git repository", folder.display()),
        )
        .hint("select one with --repo PATH|URL, or use an empty folder with --repo none")
    })?;
    address(&root)
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
