//! The metrics of store and engine: every name, unit and help text, in this one file.
//!
//! They are recorded through the `metrics` facade, into the recorder of the process if it has
//! one. An access point installs its recorder and exports them with those of HTTP.

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that grows.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// A distribution.
    Histogram,
}

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Seconds.
    Seconds,
}

/// The description of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The unit.
    pub unit: Unit,
    /// The help text.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident, $unit:ident, $name:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: MetricKind::$kind,
                unit: Unit::$unit,
                help: $help,
            };
        )+

        /// All of them.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    DB_OPERATION_SECONDS: Histogram, Seconds, "ah_db_operation_duration_seconds",
        "Duration of store operations, by operation";
    DB_ERRORS: Counter, Count, "ah_db_errors_total",
        "Failed store operations, by operation and kind of error";
    DB_GROUP_WRITES: Histogram, Count, "ah_db_group_writes",
        "Writes per transaction of the group commit";
    DB_WRITER_PANICS: Counter, Count, "ah_db_writer_panics_total",
        "Panics of the store's writer task, each followed by a new connection";
    SUPERVISORS: Gauge, Count, "ah_supervisors",
        "Sessions supervised by this engine";
    SUPERVISOR_FAILURES: Counter, Count, "ah_supervisor_failures_total",
        "Failures of supervisors, each followed by a retry or the end of the session";
    DECISION_CONFLICTS: Counter, Count, "ah_decision_conflicts_total",
        "Decisions that were repeated because the session had changed";
    EVENTS_INGESTED: Counter, Count, "ah_events_ingested_total",
        "Events written to logs by supervisors";
}
