//! Looking at sessions and what they changed.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    DiffParams, DiffQuery, FileEntry, FileParams, FileQuery, LogItem, LogParams, Page, Session,
    SessionDiff, SessionId, SessionParams, SessionQuery, TaskManagerError,
};

use crate::call::{Call, route};
use crate::client::RestClient;
use crate::retry::Repeat;

impl RestClient {
    /// A page of sessions, newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn list_sessions(
        &self,
        query: SessionQuery,
    ) -> Result<Page<Session>, TaskManagerError> {
        let query = SessionParams::from(query);
        self.json(Call::get(route!("list_sessions"), routes::SESSIONS).with_query(&query)?)
            .await
    }

    /// One session.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError> {
        self.json(Call::get(route!("get_session"), routes::session(id)))
            .await
    }

    /// Ends the session at once and gives up its workspace. The answer comes when no process of
    /// it is left, so it is waited for until [`crate::RetryPolicy::deadline`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError> {
        // A session that is cancelled already is answered as one that is cancelled now.
        let call = Call::delete(route!("cancel_session"), routes::session(id), Repeat::Safe);
        self.done(call.patiently()).await
    }

    /// A page of the session's log lines, or the last of them.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`](ah_rest_api_contract::ErrorKind::Validation) names a parameter
    /// that is not right, and [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound)
    /// says that there is no such session.
    pub async fn list_session_logs(
        &self,
        id: SessionId,
        params: &LogParams,
    ) -> Result<Page<LogItem>, TaskManagerError> {
        self.json(
            Call::get(route!("list_session_logs"), routes::session_logs(id)).with_query(params)?,
        )
        .await
    }

    /// A page of the files that the session changed, by path.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session.
    pub async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        let query = FileParams::from(query);
        self.json(
            Call::get(route!("list_session_files"), routes::session_files(id))
                .with_query(&query)?,
        )
        .await
    }

    /// What the session changed, as a diff against the commit it began at.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session.
    pub async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        let query = DiffParams::from(query);
        self.json(
            Call::get(route!("get_session_diff"), routes::session_diff(id)).with_query(&query)?,
        )
        .await
    }
}
