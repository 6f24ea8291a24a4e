//! Reading events: pages of history, and streams.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    AllEventsQuery, EventFilter, EventParams, EventQuery, EventSeq, EventStream, Page,
    SessionEvent, SessionId, TaskManagerError,
};

use crate::call::{Call, route};
use crate::client::RestClient;
use crate::stream::{AllEventsStream, Everything, OneSession, follow};

impl RestClient {
    /// A page of the session's history.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session.
    pub async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        let query = EventParams::from(query);
        self.json(
            Call::get(route!("session_events"), routes::session_events(id)).with_query(&query)?,
        )
        .await
    }

    /// The session's events after `after`, then those to come, to the terminal `status` event.
    ///
    /// The stream connects again by itself for as long as the server is away; it yields an error
    /// only to end with it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// session, and whatever else keeps the stream from beginning.
    pub async fn session_events(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError> {
        follow(self.clone(), OneSession::new(id, after, filter)).await
    }

    /// The events of many sessions on one connection, in the order in which they were stored.
    /// There is no end to them: the stream connects again by itself until it is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`](ah_rest_api_contract::ErrorKind::Validation) names what is wrong
    /// with the query.
    pub async fn all_events(
        &self,
        query: AllEventsQuery,
    ) -> Result<AllEventsStream, TaskManagerError> {
        follow(self.clone(), Everything::new(query)).await
    }
}
