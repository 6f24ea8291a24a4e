//! Reading single columns.

use std::str::FromStr;

use ah_rest_api_contract::Timestamp;
use ah_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{During as _, backend, inconsistent};
use crate::words::Word;

/// Reads the columns of one row. Its errors name table, column and row.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    table: &'static str,
    id: &'a str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(table: &'static str, id: &'a str) -> Self {
        Self { table, id }
    }

    pub(crate) fn number(self, column: &'static str, value: i64) -> Result<u64, StoreError> {
        u64::try_from(value).map_err(|error| inconsistent(self.table, column, self.id, error))
    }

    pub(crate) fn moment(self, column: &'static str, value: i64) -> Result<Timestamp, StoreError> {
        let moment = Timestamp::from_unix_millis(value);
        if moment.as_unix_millis() == value {
            Ok(moment)
        } else {
            let what = format!("{value} is outside of the years 0 to 9999");
            Err(inconsistent(self.table, column, self.id, what))
        }
    }

    pub(super) fn flag(self, column: &'static str, value: i64) -> Result<bool, StoreError> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let what = format!("{value} is neither 0 nor 1");
                Err(inconsistent(self.table, column, self.id, what))
            }
        }
    }

    pub(crate) fn word<T: Word>(self, column: &'static str, word: &str) -> Result<T, StoreError> {
        T::read(word).ok_or_else(|| {
            let what = format!("`{word}` is no {}", T::NOUN);
            inconsistent(self.table, column, self.id, what)
        })
    }

    pub(crate) fn parsed<T>(self, column: &'static str, text: &str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        text.parse()
            .map_err(|error: T::Err| inconsistent(self.table, column, self.id, error))
    }

    pub(crate) fn json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| inconsistent(self.table, column, self.id, error))
    }

    pub(super) fn some_json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.json(column, text)).transpose()
    }

    pub(super) fn some_moment(
        self,
        column: &'static str,
        value: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        value.map(|value| self.moment(column, value)).transpose()
    }
}

/// Returns the JSON text of a value.
pub(crate) fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).during("encode a value")
}

/// Converts a count to the signed number of a column.
pub(crate) fn stored(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|error| backend("store a number", error))
}
