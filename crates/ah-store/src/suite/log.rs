//! Cases of [`EventLog`](crate::Log).

mod all_sessions;
mod history;
mod watching;

pub use all_sessions::*;
pub use history::*;
pub use watching::*;
pub(super) use watching::{tell, until};

use ah_rest_api_contract::{EventSeq, SessionId};

use crate::Store;

/// Asserts that the log of `id` has the events 1 to `count`, by its head and by each event.
pub(super) async fn assert_gapless(store: &dyn Store, id: SessionId, count: usize) {
    let mut places = Vec::new();
    let mut after = EventSeq::START;
    loop {
        let rows = store.events_after(id, after, 97).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in &rows {
            let event: ah_rest_api_contract::SessionEvent =
                serde_json::from_str(&row.json).unwrap();
            assert_eq!(event.seq, row.seq);
            assert_eq!(event.session_id, id);
            places.push(row.seq.get());
        }
    }
    let expected: Vec<u64> = (1..=count as u64).collect();
    assert_eq!(places, expected);
    let record = store.session(id).await.unwrap();
    assert_eq!(record.session.last_seq, EventSeq::new(count as u64));
}
