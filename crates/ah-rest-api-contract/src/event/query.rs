//! Which events a reader wants.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EventPayload, EventType, LogLevel};
use crate::word::words;
use crate::{EventSeq, PageRequest, Timestamp};

/// Which events a reader wants. The default wants all of them, and nothing ephemeral.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    types: Option<BTreeSet<EventType>>,
    level: Option<LogLevel>,
    ephemeral: bool,
}

impl EventFilter {
    /// Only events of these types; an empty list means all.
    #[must_use]
    pub fn with_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        let types: BTreeSet<_> = types.into_iter().collect();
        self.types = (!types.is_empty()).then_some(types);
        self
    }

    /// Only `log` events that matter at least as much as `level`. Other events are not judged.
    #[must_use]
    pub const fn with_level(mut self, level: LogLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Ephemeral events too.
    #[must_use]
    pub const fn with_ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Whether ephemeral events are wanted.
    #[must_use]
    pub const fn wants_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// The types that are wanted; `None` means all.
    #[must_use]
    pub const fn types(&self) -> Option<&BTreeSet<EventType>> {
        self.types.as_ref()
    }

    /// The level that `log` events need; `None` means any.
    #[must_use]
    pub const fn level(&self) -> Option<LogLevel> {
        self.level
    }

    /// Whether this event is wanted.
    #[must_use]
    pub fn admits(&self, payload: &EventPayload) -> bool {
        let of_type = self
            .types
            .as_ref()
            .is_none_or(|types| types.contains(&payload.event_type()));
        let of_level = match (payload, self.level) {
            (EventPayload::Log(log), Some(level)) => log.level <= level,
            _ => true,
        };
        of_type && of_level
    }
}

/// The order of a page of history.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SortOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

words!(closed SortOrder);

/// Which stretch of a session's history is wanted, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// Only events after this place.
    pub after: Option<EventSeq>,
    /// Only events before this place.
    pub before: Option<EventSeq>,
    /// Only events at or after this moment.
    pub since: Option<Timestamp>,
    /// Only events before this moment.
    pub until: Option<Timestamp>,
    /// In which order.
    pub sort: SortOrder,
    /// Which page of the result.
    pub page: PageRequest,
}
