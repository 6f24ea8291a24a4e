//! Spans and metrics of the store's operations.

use std::any::Any;
use std::time::Instant;

use ah_store::{StoreError, metrics as names};
use tracing::{Instrument as _, Span};

/// Runs an operation in a span and records its duration and its failure.
pub(crate) async fn operation<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let observed = Observed::begin(operation);
    let done = work.instrument(observed.span.clone()).await;
    observed.end(done.as_ref().err());
    done
}

/// Does the same for an operation that occupies its thread.
pub(crate) fn blocking_operation<T>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let observed = Observed::begin(operation);
    let done = observed.span.in_scope(work);
    observed.end(done.as_ref().err());
    done
}

/// An operation in progress.
struct Observed {
    operation: &'static str,
    span: Span,
    started: Instant,
}

impl Observed {
    fn begin(operation: &'static str) -> Self {
        let span = tracing::debug_span!(
            "db.operation",
            db.system = "sqlite",
            db.operation = operation,
            duration_ms = tracing::field::Empty,
            error.kind = tracing::field::Empty,
        );
        Self {
            operation,
            span,
            started: Instant::now(),
        }
    }

    fn end(self, error: Option<&StoreError>) {
        let Self {
            operation,
            span,
            started,
        } = self;
        let took = started.elapsed();
        span.record("duration_ms", took.as_secs_f64() * 1000.0);
        metrics::histogram!(names::DB_OPERATION_SECONDS.name, "operation" => operation)
            .record(took.as_secs_f64());
        if let Some(error) = error {
            let kind = error_kind(error);
            span.record("error.kind", kind);
            metrics::counter!(names::DB_ERRORS.name, "operation" => operation, "kind" => kind)
                .increment(1);
        }
    }
}

/// Records the number of writes of a transaction.
pub(crate) fn group(writes: usize) {
    // A group has at most 256 writes, which f64 represents exactly.
    metrics::histogram!(names::DB_GROUP_WRITES.name)
        .record(u32::try_from(writes).map_or(f64::MAX, f64::from));
}

/// Reports a panic of the writer thread, which goes on with a new connection.
pub(crate) fn writer_panicked(panic: &(dyn Any + Send)) {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    metrics::counter!(names::DB_WRITER_PANICS.name).increment(1);
    tracing::error!(
        panic = message,
        "the store's writer panicked; it reconnects and goes on"
    );
}

/// The kind of an error, as a label.
const fn error_kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::NotFound { .. } => "not_found",
        StoreError::Conflict { .. } => "conflict",
        StoreError::Fenced { .. } => "fenced",
        StoreError::AlreadyDone(_) => "already_done",
        StoreError::Inconsistent(_) => "inconsistent",
        StoreError::Unavailable { .. } => "unavailable",
        StoreError::Backend { .. } => "backend",
    }
}
