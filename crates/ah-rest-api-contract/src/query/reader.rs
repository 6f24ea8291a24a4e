//! Parsing of query parameters with collection of errors.

use std::ops::RangeInclusive;

use crate::{FieldErrors, PER_PAGE_MAX, PageRequest};

/// A value of a query with its text.
pub(super) trait Parameter: Sized {
    /// Parses the text of a parameter, which may be absent. Records an error if it is invalid.
    fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self;

    /// Returns the text of the value; `None` if the parameter is absent.
    fn write(&self) -> Option<String>;
}

/// Parses parameters one by one. An invalid value is recorded under the parameter's name and
/// treated as absent, so that one response names every invalid field.
#[derive(Default)]
pub(super) struct Reader {
    errors: FieldErrors,
}

impl Reader {
    /// Parses a parameter as the type of the query's field.
    pub(super) fn get<T: Parameter>(&mut self, field: &str, text: &Option<String>) -> T {
        T::read(self, field, text.as_deref())
    }

    /// Parses a parameter with `read`. An invalid value is reported as `must be {must_be}`.
    pub(super) fn value<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        must_be: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text?;
        let value = read(text);
        if value.is_none() {
            self.errors.add(field, format!("must be {must_be}"));
        }
        value
    }

    /// Parses a comma-separated list. An invalid item is rejected as not being `noun`. An absent
    /// parameter is an empty list, and an empty text is a list of one empty item.
    pub(super) fn list<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        noun: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for word in text.into_iter().flat_map(|text| text.split(',')) {
            match read(word.trim()) {
                Some(value) => values.push(value),
                None => self
                    .errors
                    .add(field, format!("`{}` is not {noun}", shown(word.trim()))),
            }
        }
        values
    }

    /// Parses a number within a range, digits only.
    pub(super) fn number(
        &mut self,
        field: &str,
        text: &Option<String>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let must_be = format!("a whole number from {} to {}", range.start(), range.end());
        self.value(field, text.as_deref(), &must_be, |text| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            // `parse` also accepts a plus sign, which is not allowed here.
            let number = digits.then(|| text.parse().ok()).flatten();
            number.filter(|number| range.contains(number))
        })
    }

    /// Parses the two pagination parameters.
    pub(super) fn page(&mut self, page: &Option<String>, per_page: &Option<String>) -> PageRequest {
        let default = PageRequest::default();
        let page = self.number("page", page, 1..=u32::MAX);
        let per_page = self.number("perPage", per_page, 1..=PER_PAGE_MAX);
        let request = PageRequest::new(
            page.unwrap_or(default.page()),
            per_page.unwrap_or(default.per_page()),
        );
        self.accept(request).unwrap_or(default)
    }

    /// Takes the result of another constructor and collects its errors.
    pub(super) fn accept<T>(&mut self, judged: Result<T, FieldErrors>) -> Option<T> {
        match judged {
            Ok(value) => Some(value),
            Err(found) => {
                for (field, messages) in found.iter() {
                    for message in messages {
                        self.errors.add(field, message.as_str());
                    }
                }
                None
            }
        }
    }

    /// Records an error for a parameter.
    pub(super) fn refuse(&mut self, field: &str, message: String) {
        self.errors.add(field, message);
    }

    /// Returns `value` if all parameters are valid.
    pub(super) fn finish<T>(self, value: T) -> Result<T, FieldErrors> {
        self.errors.into_result(value)
    }
}

/// Truncates a client's text for use in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Joins items with commas; `None` if there are none.
pub(super) fn joined<T: ToString>(values: impl IntoIterator<Item = T>) -> Option<String> {
    let words: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    (!words.is_empty()).then(|| words.join(","))
}

/// Splits a comma-separated list. A backslash escapes the next character, so that an item can
/// contain commas.
pub(super) fn split(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut characters = list.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            ',' => {
                items.push(String::new());
                continue;
            }
            // A trailing backslash is literal.
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(item) = items.last_mut() {
            item.push(literal);
        }
    }
    items
}

/// Escapes an item of a list for [`split`].
pub(super) fn escaped(item: &str) -> String {
    item.replace('\\', "\\\\").replace(',', "\\,")
}
