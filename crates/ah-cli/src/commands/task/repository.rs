//! Which repository a task is about.

use std::path::{Path, PathBuf};

use ah_rest_api_contract::RepositorySource;

use crate::exit_code::ExitCode;
use crate::failure::Failure;

const WHAT_REPO_TAKES: &str = "--repo takes a path, a URL, user@host:path, or none";

/// The repository that the current folder is in.
pub(super) fn of_current_folder() -> Result<String, Failure> {
    let folder = std::env::current_dir().map_err(|error| {
        Failure::new(ExitCode::Repository, "the current folder cannot be told").caused_by(error)
    })?;
    let root = root_of(&folder).ok_or_else(|| {
        Failure::new(
            ExitCode::Repository,
            format!("{} is not in a git repository", folder.display()),
        )
        .hint("--repo PATH|URL names one; --repo none works in an empty folder")
    })?;
    address(&root)
}

/// The repository that `--repo` names: a path that exists is a path, anything else an address.
pub(super) fn named(text: &str) -> Result<String, Failure> {
    if text.is_empty() {
        return Err(Failure::new(ExitCode::Repository, "--repo is empty").hint(WHAT_REPO_TAKES));
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
    // Written as one would find it anywhere, without the way that led to it from here.
    let folder = path.canonicalize().map_err(|error| {
        Failure::new(
            ExitCode::Repository,
            format!("{text} cannot be made absolute: {error}"),
        )
        .caused_by(error)
    })?;
    // A bare repository, or a folder that is none, is for the executor to judge.
    address(&root_of(&folder).unwrap_or(folder))
}

fn missing(path: &Path) -> Failure {
    Failure::new(
        ExitCode::Repository,
        format!("there is no folder {}", path.display()),
    )
    .hint(WHAT_REPO_TAKES)
}

/// The nearest folder above, or this one, that has a `.git`: a folder in a clone, a file in a
/// worktree. A folder of that name without a HEAD is nothing to git, which looks on above it.
fn root_of(folder: &Path) -> Option<PathBuf> {
    let is_root = |ancestor: &&Path| {
        let git = ancestor.join(".git");
        // A HEAD may be a link, which need not lead anywhere yet.
        git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
    };
    folder.ancestors().find(is_root).map(Path::to_path_buf)
}

fn address(root: &Path) -> Result<String, Failure> {
    root.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(
            ExitCode::Repository,
            format!(
                "the path {} is not UTF-8, which a task cannot carry",
                root.display()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_repository() {
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
        assert_eq!(
            named(&missing),
            Err(format!("there is no folder {missing}"))
        );
    }

    #[test]
    fn an_address_is_passed_on() {
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
