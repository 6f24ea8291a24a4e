//! The repositories of tasks, with their branches.

use ah_rest_api_contract::{
    Branch, BranchList, ExecutorId, Repository, RepositoryId, RepositorySource, Session,
    SessionWorkspace, TaskManagerError, Timestamp, WorkspaceProvider,
};
use ulid::Ulid;

use super::unknown;
use crate::ids::Ids;

/// The branch of a repository without configured branches.
const DEFAULT_BRANCH: &str = "main";

/// The repositories of a mock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repositories {
    known: Vec<StoredRepository>,
}

#[derive(Clone, Debug)]
struct StoredRepository {
    repository: Repository,
    /// The default one first, then by name.
    branches: Vec<Branch>,
}

impl Repositories {
    /// Adds a repository at `source` with these branches, the default one first.
    pub(crate) fn add(
        &mut self,
        source: &RepositorySource,
        branches: &[String],
        ids: &mut Ids,
        now: Timestamp,
    ) {
        let address = source.without_credentials();
        let mut branches: Vec<Branch> = branches
            .iter()
            .enumerate()
            .map(|(place, name)| Branch::new(name.clone(), place == 0, commit(ids.next(now))))
            .collect();
        branches.sort_by(|a, b| (!a.is_default, &a.name).cmp(&(!b.is_default, &b.name)));
        let id = RepositoryId::from_ulid(ids.next(now));
        let mut repository = Repository::git(id, source.display_name(), address);
        repository.default_branch = branches.first().map(|branch| branch.name.clone());
        self.known.push(StoredRepository {
            repository,
            branches,
        });
    }

    /// Records that a task was launched on `source`.
    pub(crate) fn touch(&mut self, source: &RepositorySource, ids: &mut Ids, now: Timestamp) {
        let address = source.without_credentials();
        if self.at(&address).is_none() {
            self.add(source, &[DEFAULT_BRANCH.to_owned()], ids, now);
        }
        let mut known = self.known.iter_mut();
        if let Some(known) = known.find(|known| known.repository.remote_url == address) {
            known.repository.last_used_at = Some(now);
        }
    }

    fn at(&self, address: &str) -> Option<&StoredRepository> {
        let mut known = self.known.iter();
        known.find(|known| known.repository.remote_url == address)
    }

    /// The last used first.
    pub(crate) fn list(&self) -> Vec<Repository> {
        let mut items: Vec<Repository> = self
            .known
            .iter()
            .map(|known| known.repository.clone())
            .collect();
        items.sort_by_key(|repository| std::cmp::Reverse((repository.last_used_at, repository.id)));
        items
    }

    fn known(&self, id: RepositoryId) -> Result<&StoredRepository, TaskManagerError> {
        let mut known = self.known.iter();
        known
            .find(|known| known.repository.id == id)
            .ok_or_else(|| unknown("repository", id))
    }

    pub(crate) fn repository(&self, id: RepositoryId) -> Result<&Repository, TaskManagerError> {
        self.known(id).map(|known| &known.repository)
    }

    pub(crate) fn branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        let branches = self.known(id)?.branches.clone();
        Ok(BranchList::new(id, branches))
    }

    /// Returns the workspace of a session and the commit it starts from, or the reason of a
    /// failure.
    pub(crate) fn workspace(
        &self,
        session: &Session,
    ) -> Result<(SessionWorkspace, Option<String>), String> {
        let known = session.repo.url.as_deref().and_then(|url| self.at(url));
        let workspace = |provider, branch: Option<String>| {
            SessionWorkspace::new(
                provider,
                format!("/mock/workspaces/{}", session.id),
                ExecutorId::local(),
            )
            .with_branch(branch)
        };
        let Some(known) = known else {
            return Ok((workspace(WorkspaceProvider::Empty, None), None));
        };
        let begins_at = match &session.repo.branch {
            Some(name) => known.branches.iter().find(|branch| branch.name == *name),
            None => known.branches.first(),
        };
        let Some(begins_at) = begins_at else {
            let name = session.repo.branch.as_deref().unwrap_or(DEFAULT_BRANCH);
            let address = &known.repository.remote_url;
            return Err(format!("{address} has no branch `{name}`"));
        };
        let commit = session.repo.commit.clone();
        let commit = commit.unwrap_or_else(|| begins_at.last_commit.clone());
        let branch = Some(format!("ah/{}", session.id));
        Ok((workspace(WorkspaceProvider::Worktree, branch), Some(commit)))
    }
}

/// Returns a commit id of forty hexadecimal digits.
fn commit(id: Ulid) -> String {
    format!("{:032x}{:08x}", id.0, id.0 & 0xFFFF_FFFF)
}
