//! The position of a reader in the log of one session.

use std::fmt;

use ah_rest_api_contract::operations::{self, paths};
use ah_rest_api_contract::sse::{DecodeItemError, Frame, decode_item};
use ah_rest_api_contract::{
    EventFilter, EventPayload, EventSeq, Gap, Session, SessionEvent, SessionId, StreamItem,
    StreamParams, StreamQuery, TaskManagerError,
};

use super::{StreamFault, StreamPosition, Verdict};
use crate::call::ApiCall;
use crate::client::RestClient;
use crate::retry::AttemptFailure;

/// The position of a reader in the log of one session: the last event that it has seen, or that its
/// filter has skipped.
#[derive(Debug)]
pub(crate) struct OneSession {
    session: SessionId,
    seen: EventSeq,
    filter: EventFilter,
    /// The last event of the session, if it had ended before the current connection was opened. The
    /// connection then covers the rest of the log.
    ended_at: Option<EventSeq>,
}

impl OneSession {
    /// Creates the position after `after` in the log of `session`, with a filter.
    pub(crate) const fn new(session: SessionId, after: EventSeq, filter: EventFilter) -> Self {
        Self {
            session,
            seen: after,
            filter,
            ended_at: None,
        }
    }

    /// Returns true if every event is wanted, so that a missing one is detected.
    const fn wants_all(&self) -> bool {
        self.filter.types().is_none() && self.filter.level().is_none()
    }

    /// Advances to `seq`, and returns false if it was seen before.
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
        // The event before the first remaining one. If none remains, nothing is skipped.
        let before = EventSeq::new(gap.earliest_seq.get().saturating_sub(1));
        if before <= self.seen {
            return Verdict::Pass;
        }
        let from_seq = self.seen.next();
        self.seen = before;
        Verdict::Yield(StreamItem::Gap(Gap::new(from_seq, gap.earliest_seq)))
    }
}

impl fmt::Display for OneSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} of session {}", self.seen, self.session)
    }
}

impl StreamPosition for OneSession {
    type Item = StreamItem;
    type Cursor = EventSeq;

    fn cursor(&self) -> EventSeq {
        self.seen
    }

    fn call(&self) -> Result<ApiCall, TaskManagerError> {
        let query = StreamParams::from(StreamQuery {
            after: None,
            filter: self.filter.clone(),
        });
        ApiCall::new(
            &operations::STREAM_SESSION_EVENTS,
            paths::stream_session_events(self.session),
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
                // It is not yielded, but advances the position.
                if let Some(id) = &frame.id {
                    let seq = id.parse().map_err(|_| StreamFault::Id(frame.id.clone()))?;
                    self.move_to(seq)?;
                }
                tracing::debug!(event = name, "skipping an unknown event");
                Ok(Verdict::Pass)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn leave(&mut self, _last_event_id: &str) {
        // Every `id:` belongs to an event, so the position is already known.
    }

    /// Asks for the session to decide. A connection ends after the terminal status, but also when
    /// the server shuts down. The status may not have been received, because it is filtered or
    /// before the cursor.
    async fn is_over(&mut self, client: &RestClient) -> Result<bool, AttemptFailure> {
        if let Some(last) = self.ended_at {
            // Without a filter no event may be missing. With a filter, missing events cannot be
            // detected.
            return Ok(!self.wants_all() || self.seen >= last);
        }
        let path = paths::get_session(self.session);
        let call = ApiCall::new(&operations::GET_SESSION, path).map_err(AttemptFailure::last)?;
        let session: Session = client.answer_once(&call).await?;
        if !session.status.is_terminal() {
            return Ok(false);
        }
        // One more connection delivers the events between the end of the last one and the end of
        // the session, unless the reader has already seen the last event.
        self.ended_at = Some(session.last_seq);
        Ok(self.seen >= session.last_seq)
    }
}

#[cfg(test)]
mod tests;
