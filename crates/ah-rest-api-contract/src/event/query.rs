//! Filters and queries for events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EventPayload, EventType, LogLevel, ToolOutcome};
use crate::word::words;
use crate::{EventSeq, PageRequest, Timestamp};

/// A filter for events. The default admits all events of the log and no ephemeral ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    types: Option<BTreeSet<EventType>>,
    level: Option<LogLevel>,
    failed_tools_only: bool,
    ephemeral: bool,
}

impl EventFilter {
    /// Limits the filter to events of these types; an empty list means all types.
    #[must_use]
    pub fn with_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        let types: BTreeSet<_> = types.into_iter().collect();
        self.types = (!types.is_empty()).then_some(types);
        self
    }

    /// Limits `log` events to those at least as severe as `level`. Other events are not affected.
    #[must_use]
    pub const fn with_level(mut self, level: LogLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Limits `tool_result` events to those of failed tools. Other events are not affected.
    #[must_use]
    pub const fn with_failed_tools_only(mut self) -> Self {
        self.failed_tools_only = true;
        self
    }

    /// Returns true if `tool_result` events are limited to those of failed tools.
    #[must_use]
    pub const fn wants_failed_tools_only(&self) -> bool {
        self.failed_tools_only
    }

    /// Includes ephemeral events.
    #[must_use]
    pub const fn with_ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Returns true if ephemeral events are included.
    #[must_use]
    pub const fn wants_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// The admitted types; `None` means all.
    #[must_use]
    pub const fn types(&self) -> Option<&BTreeSet<EventType>> {
        self.types.as_ref()
    }

    /// The least severe level of admitted `log` events; `None` means any.
    #[must_use]
    pub const fn level(&self) -> Option<LogLevel> {
        self.level
    }

    /// Returns true if the filter admits this event.
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
        let of_outcome = match payload {
            EventPayload::ToolResult(result) if self.failed_tools_only => {
                result.status == ToolOutcome::Failed
            }
            _ => true,
        };
        of_type && of_level && of_outcome
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

/// A query for a page of a session's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// The filter for events.
    pub filter: EventFilter,
    /// Only events after this sequence number.
    pub after: Option<EventSeq>,
    /// Only events before this sequence number.
    pub before: Option<EventSeq>,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// The order of the events.
    pub sort: SortOrder,
    /// The page of the result.
    pub page: PageRequest,
}
