//! The transaction of a job.

use std::ops::{Deref, DerefMut};

use ah_store::StoreError;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;

use crate::watch::News;

/// The future of a job's work, which borrows the transaction.
pub(crate) type JobFuture<'t, T> = BoxFuture<'t, Result<T, StoreError>>;

/// The transaction of a job: the connection, and the news for the watchers after the commit.
pub(crate) struct Tx {
    pub(super) connection: SqliteConnection,
    pub(super) news: News,
}

impl Tx {
    /// Adds `news` to announce to the watchers after the commit.
    pub(crate) fn announce(&mut self, news: News) {
        self.news.heads.extend(news.heads);
        self.news.log = news.log.or(self.news.log);
        self.news.work = news.work.or(self.news.work);
        self.news.erased |= news.erased;
    }
}

impl Deref for Tx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
