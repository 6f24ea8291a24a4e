//! The user's git, and the checkout that a command works in.
//!
//! Git runs with the user's own configuration and identity. Only `ah session checkout` changes the
//! checkout; everything else reads it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// The maximum number of branches in an error.
const BRANCHES_SHOWN: usize = 10;
/// The identity of commits that `ah` itself makes.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Agent Harbor"),
    ("GIT_AUTHOR_EMAIL", "agent-harbor@localhost"),
    ("GIT_COMMITTER_NAME", "Agent Harbor"),
    ("GIT_COMMITTER_EMAIL", "agent-harbor@localhost"),
];

/// Returns the nearest ancestor of the folder, or the folder itself, with a `.git`: a folder in a
/// clone, a file in a worktree. Like git, it skips a `.git` folder without HEAD.
pub(crate) fn root_of(folder: &Path) -> Option<PathBuf> {
    let is_root = |ancestor: &&Path| {
        let git = ancestor.join(".git");
        // HEAD may be a symbolic link that is still dangling.
        git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
    };
    folder.ancestors().find(is_root).map(Path::to_path_buf)
}

/// A repository of the user, with or without a work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserRepository {
    root: PathBuf,
}

impl UserRepository {
    /// Names the repository at `root`.
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the repository that contains the current folder.
    ///
    /// # Errors
    /// There is none; the failure has no hint.
    pub(crate) fn of_current_folder() -> Result<Self, Failure> {
        let refused = |message: String| Failure::new(ExitCode::Repository, message);
        let folder = std::env::current_dir().map_err(|error| {
            refused("failed to determine the current folder".to_owned()).caused_by(error)
        })?;
        root_of(&folder)
            .map(Self::at)
            .ok_or_else(|| refused(format!("{} is not in a git repository", folder.display())))
    }

    /// Returns its root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the commit that a revision names, such as a tag or `HEAD~1`.
    pub(crate) fn commit(&self, revision: &str) -> Result<Option<String>, Failure> {
        let commit = format!("{revision}^{{commit}}");
        self.answer([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ])
    }

    /// Returns the names of its branches.
    fn branches(&self) -> Result<Vec<String>, Failure> {
        let listed = self.text(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"])?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Checks that a branch exists.
    ///
    /// # Errors
    /// There is none; the failure names those that exist.
    pub(crate) fn check_branch(&self, branch: &str) -> Result<(), Failure> {
        let branches = self.branches()?;
        if branches.iter().any(|known| known == branch) {
            return Ok(());
        }
        let root = self.root.display();
        let failure = Failure::validation(format!("{root} has no branch `{branch}`"));
        if branches.is_empty() {
            return Err(failure);
        }
        let more = if branches.len() > BRANCHES_SHOWN {
            ", …"
        } else {
            ""
        };
        let shown: Vec<String> = branches.into_iter().take(BRANCHES_SHOWN).collect();
        Err(failure.hint(format!("its branches are {}{more}", shown.join(", "))))
    }

    /// Returns the number of changed and untracked files of the checkout.
    pub(crate) fn uncommitted(&self) -> Result<usize, Failure> {
        let listed = self.text(["status", "--porcelain", "--no-renames"])?;
        Ok(listed.lines().count())
    }

    /// Stores the content of the checkout as a commit on top of HEAD, and returns it. Only objects
    /// are written: no ref, and neither the checkout nor its index changes.
    pub(crate) fn commit_of_changes(&self) -> Result<String, Failure> {
        let git_dir = self.text(["rev-parse", "--absolute-git-dir"])?;
        let index = Path::new(&git_dir).join(format!("ah-index-{}", std::process::id()));
        let result = self.commit_through(&index);
        if let Err(error) = std::fs::remove_file(&index) {
            tracing::debug!(%error, "the temporary index is left");
        }
        result
    }

    fn commit_through(&self, index: &Path) -> Result<String, Failure> {
        let with_index = |args: &[&str]| {
            let mut command = self.git(args);
            command.env("GIT_INDEX_FILE", index).envs(IDENTITY);
            self.read(command)
        };
        // With the times of the real index, only changed files are read.
        let git_dir = index.parent().unwrap_or(index);
        if std::fs::copy(git_dir.join("index"), index).is_err() {
            with_index(&["read-tree", "HEAD"])?;
        }
        with_index(&["add", "--all"])?;
        let tree = with_index(&["write-tree"])?;
        let message = "Uncommitted changes of the checkout";
        with_index(&["commit-tree", "-p", "HEAD", "-m", message, &tree])
    }

    /// Fetches refs of another repository of this host, and returns their commits in order.
    pub(crate) fn fetch(&self, from: &Path, refs: &[String]) -> Result<Vec<String>, Failure> {
        let mut commits = Vec::with_capacity(refs.len());
        for name in refs {
            let mut command = self.git(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]);
            command.arg(from).arg(name);
            self.read(command)?;
            let named = Self::at(from).commit(name)?;
            commits
                .push(named.ok_or_else(|| {
                    Failure::general(format!("{} has no {name}", from.display()))
                })?);
        }
        Ok(commits)
    }

    /// Returns the tree of a commit.
    pub(crate) fn tree(&self, commit: &str) -> Result<String, Failure> {
        self.text([
            "rev-parse",
            "--verify",
            "--end-of-options",
            &format!("{commit}^{{tree}}"),
        ])
    }

    /// Creates a commit with this tree on top of a commit.
    pub(crate) fn commit_tree(
        &self,
        tree: &str,
        parent: &str,
        message: &str,
    ) -> Result<String, Failure> {
        let mut command = self.git(["commit-tree", "-p", parent, "-m", message, tree]);
        command.envs(IDENTITY);
        self.read(command)
    }

    /// Creates a branch at a commit.
    pub(crate) fn create_branch(&self, branch: &str, commit: &str) -> Result<(), Failure> {
        self.text(["branch", "--no-track", "--", branch, commit])
            .map(drop)
    }

    /// Switches the checkout to a branch.
    pub(crate) fn switch(&self, branch: &str) -> Result<(), Failure> {
        self.text(["switch", "--quiet", branch]).map(drop)
    }

    fn git<I>(&self, args: I) -> Command
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.root)
            .args(args)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null());
        command
    }

    fn text<I>(&self, args: I) -> Result<String, Failure>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.read(self.git(args))
    }

    /// Runs git, and returns `None` if it failed, which means "no" for a query with `--quiet`.
    fn answer<I>(&self, args: I) -> Result<Option<String>, Failure>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let output = run(&mut self.git(args))?;
        let said_yes = output.status.success();
        Ok(said_yes.then(|| text_of(&output.stdout)))
    }

    /// Runs git and returns its output without the line break at the end.
    fn read(&self, mut command: Command) -> Result<String, Failure> {
        let output = run(&mut command)?;
        if output.status.success() {
            return Ok(text_of(&output.stdout));
        }
        let said = text_of(&output.stderr);
        let root = self.root.display();
        Err(Failure::new(
            ExitCode::Repository,
            format!("git failed in {root}: {said}"),
        ))
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

fn run(command: &mut Command) -> Result<Output, Failure> {
    command
        .output()
        .map_err(|error| missing(&error).caused_by(error))
}

/// Returns the failure of a git that cannot be started.
fn missing(error: &io::Error) -> Failure {
    Failure::configuration(format!("git cannot be run: {error}"))
        .hint("install git; `ah doctor` checks the rest")
}

/// Returns what `git version` prints.
pub(crate) fn version() -> io::Result<String> {
    let output = Command::new("git")
        .arg("version")
        .stdin(Stdio::null())
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the first two numbers of a version such as `git version 2.39.2`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(' ').find(|word| word.contains('.'))?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_words_of_git() {
        assert_eq!(parse_version("git version 2.39.2"), Some((2, 39)));
        assert_eq!(
            parse_version("git version 2.50.1 (Apple Git-155)"),
            Some((2, 50))
        );
        assert_eq!(parse_version("no"), None);
    }
}
