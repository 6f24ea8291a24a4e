//! Statements that run in the calling thread.
//!
//! `rusqlite` runs them; sqlx checks them against the schema when they are compiled, as it does its
//! own (docs/decisions/0002, 0025).

use ah_store::StoreError;
use rusqlite::{Connection, Params, Row};

use crate::error::During as _;

/// Has sqlx check a statement at compile time. The branch is never taken.
macro_rules! check {
    ($sql:literal $(, $argument:expr)* $(,)?) => {
        if false {
            drop(sqlx::query!($sql $(, $argument)*));
        }
    };
}

/// Executes a checked statement, and returns the number of rows that it changed.
macro_rules! execute {
    ($connection:expr, $during:expr, $sql:literal $(, $argument:expr)* $(,)?) => {{
        $crate::statement::check!($sql $(, $argument)*);
        $crate::statement::changed_rows(
            $connection, $during, $sql, rusqlite::params![$($argument),*],
        )
    }};
}

/// Executes a checked statement, and returns its rows as `read` converts them.
macro_rules! select {
    ($connection:expr, $during:expr, $read:expr, $sql:literal $(, $argument:expr)* $(,)?) => {{
        $crate::statement::check!($sql $(, $argument)*);
        $crate::statement::rows(
            $connection, $during, $sql, rusqlite::params![$($argument),*], $read,
        )
    }};
}

pub(crate) use {check, execute, select};

/// Executes a statement, and returns the number of rows that it changed.
pub(crate) fn changed_rows(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    parameters: impl Params,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(parameters))
        .during(operation)
}

/// Executes a statement, and returns its rows as `read` converts them.
pub(crate) fn rows<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
        .during(operation)
}
