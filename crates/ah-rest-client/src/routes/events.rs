//! Reading events: pages of history, and streams.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    AllEventsQuery, AllEventsStream, EventFilter, EventParams, EventQuery, EventSeq, EventStream,
    Page, SessionEvent, SessionId, TaskManagerError,
};

use crate::call::{Call, route};
use crate::client::RestClient;
use crate::stream::{Everything, OneSession, follow};

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
    /// There is no end to them: the stream connects again by itself until it is dropped. Without
    /// [`AllEventsQuery::after`] it begins with what is to come.
    ///
    /// ```no_run
    /// use ah_rest_api_contract::{AllEventsQuery, EventFilter, EventPayload, EventType};
    /// use futures::StreamExt;
    ///
    /// # async fn run(client: ah_rest_client::RestClient) -> Result<(), ah_rest_api_contract::TaskManagerError> {
    /// let query = AllEventsQuery {
    ///     filter: EventFilter::default().with_types([EventType::Status]),
    ///     ..AllEventsQuery::default()
    /// };
    /// let mut events = client.all_events(query).await?;
    /// while let Some(item) = events.next().await {
    ///     // Kept, the place is where to go on from after a restart of this program.
    ///     let (place, event) = item?;
    ///     if let EventPayload::Status(change) = event.payload {
    ///         println!("{place}: {} is {}", event.session_id, change.status);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
