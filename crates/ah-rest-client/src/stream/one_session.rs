//! A reader's place in one session's log.

use std::fmt;

use ah_rest_api_contract::operations::{self, paths};
use ah_rest_api_contract::sse::{DecodeItemError, Frame, decode_item};
use ah_rest_api_contract::{
    EventFilter, EventParams, EventPayload, EventSeq, Gap, Session, SessionEvent, SessionId,
    StreamItem, StreamQuery, TaskManagerError,
};

use super::{Place, StreamFault, Verdict};
use crate::call::Call;
use crate::client::RestClient;
use crate::retry::Failure;

/// A reader's place in one session's log: the last event it has seen, or could have seen.
#[derive(Debug)]
pub(crate) struct OneSession {
    session: SessionId,
    seen: EventSeq,
    filter: EventFilter,
    /// The last event of all, when the session is known to have ended before the connection at
    /// hand was made, which therefore has all of the log before it.
    ended_at: Option<EventSeq>,
}

impl OneSession {
    /// The place after `after` in the log of `session`, of which `filter` chooses.
    pub(crate) const fn new(session: SessionId, after: EventSeq, filter: EventFilter) -> Self {
        Self {
            session,
            seen: after,
            filter,
            ended_at: None,
        }
    }

    /// Whether every event is wanted, so that a missing one is noticed.
    const fn wants_all(&self) -> bool {
        self.filter.types().is_none() && self.filter.level().is_none()
    }

    /// Moves to `seq`; `false` when that was seen before.
    fn move_to(&mut self, seq: EventSeq) -> Result<bool, StreamFault> {
        if seq <= self.seen {
            return Ok(false);
        }
        if self.wants_all() && seq != self.seen.next() {
            return Err(StreamFault::Hole {
                last: self.seen,
                next: seq,
            });
        }
        self.seen = seq;
        Ok(true)
    }

    fn event(&mut self, event: SessionEvent) -> Result<Verdict<StreamItem>, StreamFault> {
        if event.session_id != self.session {
            return Err(StreamFault::Session {
                wanted: self.session,
                found: event.session_id,
            });
        }
        if !self.move_to(event.seq)? {
            return Ok(Verdict::Pass);
        }
        let is_last =
            matches!(&event.payload, EventPayload::Status(change) if change.status.is_terminal());
        let item = StreamItem::Event(event);
        Ok(if is_last {
            Verdict::Last(item)
        } else {
            Verdict::Yield(item)
        })
    }

    fn gap(&mut self, gap: Gap) -> Verdict<StreamItem> {
        // The event before the first one that is left; without any, there is nothing to step over.
        let before = EventSeq::new(gap.earliest_seq.get().saturating_sub(1));
        if before <= self.seen {
            return Verdict::Pass;
        }
        let from_seq = self.seen.next();
        self.seen = before;
        Verdict::Yield(StreamItem::Gap(Gap { from_seq, ..gap }))
    }
}

impl fmt::Display for OneSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} of session {}", self.seen, self.session)
    }
}

impl Place for OneSession {
    type Item = StreamItem;
    type Cursor = EventSeq;

    fn cursor(&self) -> EventSeq {
        self.seen
    }

    fn call(&self) -> Result<Call, TaskManagerError> {
        let query = EventParams::from(StreamQuery {
            after: None,
            filter: self.filter.clone(),
        });
        Call::new(
            &operations::SESSION_EVENTS,
            paths::session_events(self.session),
        )?
        .with_query(&query)?
        .streaming(Some(&self.seen.to_string()))
    }

    fn judge(&mut self, frame: &Frame) -> Result<Verdict<StreamItem>, StreamFault> {
        match decode_item(frame) {
            Ok(StreamItem::Event(event)) => self.event(event),
            Ok(StreamItem::Gap(gap)) => Ok(self.gap(gap)),
            Ok(item @ StreamItem::Ephemeral(_)) if self.filter.wants_ephemeral() => {
                Ok(Verdict::Yield(item))
            }
            Ok(StreamItem::Ephemeral(_)) => Ok(Verdict::Pass),
            Err(DecodeItemError::UnknownEvent(name)) => {
                // It is not shown, but it counts: the next event is the one after it.
                if let Some(id) = &frame.id {
                    let seq = id.parse().map_err(|_| StreamFault::Id(frame.id.clone()))?;
                    self.move_to(seq)?;
                }
                tracing::debug!(event = name, "an event that this client does not know");
                Ok(Verdict::Pass)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn leave(&mut self, _last_event_id: &str) {
        // Every `id:` was an event's, so the place is known from the events.
    }

    /// A connection ends after the terminal status, but also when the server shuts down, and one
    /// that ends because of the status need not have shown it: it may not have been asked for, or
    /// may stand before the cursor. So the session itself is asked.
    async fn is_over(&mut self, client: &RestClient) -> Result<bool, Failure> {
        if let Some(last) = self.ended_at {
            // Of all events none may be missing. Which are missing behind a filter nobody knows.
            return Ok(!self.wants_all() || self.seen >= last);
        }
        let path = paths::get_session(self.session);
        let call = Call::new(&operations::GET_SESSION, path).map_err(Failure::last)?;
        let session: Session = client.answer_once(&call).await?;
        if !session.status.is_terminal() {
            return Ok(false);
        }
        // One more connection shows what came between the end of the last one and the end of the
        // session; nothing did if the reader has seen the last event of all.
        self.ended_at = Some(session.last_seq);
        Ok(self.seen >= session.last_seq)
    }
}

#[cfg(test)]
mod tests;
