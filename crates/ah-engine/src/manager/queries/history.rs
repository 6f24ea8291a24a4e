//! Pages of a session's history.
//!
//! A read of the store is bounded in bytes. A page with more is read in parts, each after the last
//! event of the one before. The events of a log never change, so the parts are one page.

use std::sync::Arc;

use ah_rest_api_contract::{
    EventQuery, HistoryPage, HistoryParts, Page, PageRequest, SessionEvent, SessionId, SortOrder,
    TaskManagerError, check_cursor,
};
use ah_store::Store;
use futures::{TryStreamExt as _, stream};

use super::LocalTaskManager;

impl LocalTaskManager {
    /// Returns a page of a session's events, whole.
    pub(crate) async fn read_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError> {
        let HistoryPage {
            total,
            next_page,
            first: mut items,
            rest,
        } = self.read_history(id, query).await?;
        if let Some(rest) = rest {
            items.extend(rest.try_concat().await?);
        }
        Ok(Page {
            items,
            total,
            next_page,
        })
    }

    /// Returns a page of a session's events, in parts if it is large.
    pub(crate) async fn read_history(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<HistoryPage, TaskManagerError> {
        let store = &self.core.store;
        if let Some(after) = query.after {
            let last = store.session(id).await?.session.last_seq;
            check_cursor(after, last)?;
        }
        let page = store.list_events(id, &query).await?;
        let (total, next_page) = (page.total, page.next_page);
        let on_page = total
            .saturating_sub(query.page.offset())
            .min(u64::from(query.page.per_page()));
        let rest = following(&query, on_page, &page.items)
            .map(|following| parts(store.clone(), id, following));
        Ok(HistoryPage {
            total,
            next_page,
            first: page.items,
            rest,
        })
    }
}

/// Returns the query for the events after `items`, of the `on_page` ones on the page of `query`;
/// `None` if these are all.
fn following(query: &EventQuery, on_page: u64, items: &[SessionEvent]) -> Option<EventQuery> {
    let last = items.last()?.seq;
    let left = on_page.checked_sub(items.len() as u64)?;
    let page = PageRequest::new(1, u32::try_from(left).ok()?).ok()?;
    let (after, before) = match query.sort {
        SortOrder::Asc => (Some(last), query.before),
        SortOrder::Desc => (query.after, Some(last)),
    };
    Some(EventQuery {
        after,
        before,
        page,
        ..query.clone()
    })
}

/// Returns the events of the page of `query`, in parts.
fn parts(store: Arc<dyn Store>, id: SessionId, query: EventQuery) -> HistoryParts {
    Box::pin(stream::try_unfold(
        (store, Some(query)),
        move |(store, query)| async move {
            let Some(query) = query else { return Ok(None) };
            let part = store.list_events(id, &query).await?;
            let on_page = u64::from(query.page.per_page());
            let following = following(&query, on_page, &part.items);
            Ok(Some((part.items, (store, following))))
        },
    ))
}
