//! The transaction of a job.

use std::ops::Deref;

use rusqlite::Connection;

use crate::watch::News;

/// The transaction of a job: the connection, and the news for the watchers after the commit.
pub(crate) struct Tx {
    pub(super) connection: Connection,
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
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
