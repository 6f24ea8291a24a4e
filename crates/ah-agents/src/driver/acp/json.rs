//! A tolerant JSON reader for lines that the strict one refuses.
//!
//! It reads what agents print in practice: lone surrogates, raw control characters, unknown
//! escapes, numbers out of range, `NaN`, trailing commas, and any depth. Of a value that breaks off
//! it returns the part before the break.

use serde_json::{Map, Number, Value};

/// The maximum depth of a value. What is nested deeper is replaced by [`TOO_DEEP`], since a record
/// of the journal adds levels of its own and is read by the strict reader, which has a limit.
pub(super) const DEPTH_MAX: usize = 64;

/// The replacement of a value that is nested too deeply.
pub(super) const TOO_DEEP: &str = "[nested too deeply]";

/// A value at the start of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    /// The value, as far as it could be read.
    pub(super) value: Value,
    /// The position in the text after the part that was read.
    pub(super) end: usize,
    /// The completeness of the value.
    pub(super) extent: Extent,
}

/// The completeness of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// It is complete.
    Whole,
    /// The text ends in the middle of it.
    Unfinished,
    /// Something in it is not JSON.
    Broken,
}

/// Reads the object or array at the start of `text`; `None` if there is none.
pub(super) fn read(text: &str) -> Option<Found> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let mut reader = Reader { text, at: 0 };
    let (value, extent) = match reader.value(0) {
        Ok(value) => (value, Extent::Whole),
        Err(Stop { part, extent }) => (part, extent),
    };
    Some(Found {
        value,
        end: reader.at,
        extent,
    })
}

/// Replaces what is nested deeper than [`DEPTH_MAX`].
pub(super) fn limit_depth(value: &mut Value) {
    fn limit(value: &mut Value, depth: usize) {
        match value {
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => *value = TOO_DEEP.into(),
            Value::Array(items) => items.iter_mut().for_each(|item| limit(item, depth + 1)),
            Value::Object(fields) => fields.values_mut().for_each(|it| limit(it, depth + 1)),
            _ => {}
        }
    }
    limit(value, 0);
}

/// The early end of a value, with the part before it.
struct Stop {
    part: Value,
    extent: Extent,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Skips blanks and control characters, and returns the character after them.
    fn next_token(&mut self) -> Option<char> {
        while self
            .peek()
            .is_some_and(|it| it.is_whitespace() || it.is_control() || it == '\u{feff}')
        {
            self.next();
        }
        self.peek()
    }

    fn stop(&self, part: Value) -> Stop {
        let extent = if self.at >= self.text.len() {
            Extent::Unfinished
        } else {
            Extent::Broken
        };
        Stop { part, extent }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Stop> {
        match self.next_token() {
            Some('{' | '[') if depth >= DEPTH_MAX => self.skip(),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => self.string().map(Value::String),
            Some(it) if it.is_ascii_alphanumeric() || matches!(it, '-' | '+' | '.') => self.word(),
            _ => Err(self.stop(Value::Null)),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Stop> {
        self.next();
        let mut fields = Map::new();
        loop {
            let name = match self.next_token() {
                Some('}') => {
                    self.next();
                    return Ok(Value::Object(fields));
                }
                Some(',') => {
                    self.next();
                    continue;
                }
                Some('"') => match self.string() {
                    Ok(name) => name,
                    Err(Stop { extent, .. }) => {
                        let part = Value::Object(fields);
                        return Err(Stop { part, extent });
                    }
                },
                _ => return Err(self.stop(Value::Object(fields))),
            };
            if self.next_token() != Some(':') {
                return Err(self.stop(Value::Object(fields)));
            }
            self.next();
            match self.value(depth + 1) {
                Ok(value) => fields.insert(name, value),
                Err(stop) => {
                    let extent = stop.extent;
                    fields.insert(name, stop.part);
                    let part = Value::Object(fields);
                    return Err(Stop { part, extent });
                }
            };
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Stop> {
        self.next();
        let mut items = Vec::new();
        loop {
            match self.next_token() {
                Some(']') => {
                    self.next();
                    return Ok(Value::Array(items));
                }
                Some(',') => {
                    self.next();
                }
                Some(_) => match self.value(depth + 1) {
                    Ok(item) => items.push(item),
                    Err(stop) => {
                        let extent = stop.extent;
                        items.push(stop.part);
                        let part = Value::Array(items);
                        return Err(Stop { part, extent });
                    }
                },
                None => return Err(self.stop(Value::Array(items))),
            }
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        self.next();
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(special) = rest.find(['"', '\\']) else {
                text.push_str(rest);
                self.at = self.text.len();
                return Err(self.stop(Value::String(text)));
            };
            text.push_str(&rest[..special]);
            self.at += special + 1;
            if rest[special..].starts_with('"') {
                return Ok(text);
            }
            self.escape(&mut text);
        }
    }

    /// Reads the rest of an escape. An unknown one stays as it is.
    fn escape(&mut self, text: &mut String) {
        let Some(kind) = self.next() else {
            return;
        };
        match kind {
            '"' | '\\' | '/' => text.push(kind),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => match self.code_unit() {
                Some(unit) => text.push(self.character(unit)),
                None => text.push_str("\\u"),
            },
            other => text.extend(['\\', other]),
        }
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }

    /// Returns the character of a code unit and, if it is half of a pair, of the next one. Half of
    /// a pair alone is no character.
    fn character(&mut self, unit: u32) -> char {
        let start = self.at;
        if (0xd800..0xdc00).contains(&unit) && self.text[start..].starts_with("\\u") {
            self.at += 2;
            if let Some(low) = self.code_unit()
                && (0xdc00..0xe000).contains(&low)
            {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = start;
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Reads a number or a literal. One that JSON does not have becomes a text.
    fn word(&mut self) -> Result<Value, Stop> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|it: char| !it.is_ascii_alphanumeric() && !matches!(it, '-' | '+' | '.' | '_'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "None" | "undefined" => Value::Null,
            "NaN" | "Infinity" | "-Infinity" | "+Infinity" => word.into(),
            _ => match number(word) {
                Some(value) => value,
                None => return Err(self.stop(Value::Null)),
            },
        };
        self.at += end;
        Ok(value)
    }

    /// Skips an object or array without reading it.
    fn skip(&mut self) -> Result<Value, Stop> {
        let mut depth = 0_usize;
        while let Some(next) = self.peek() {
            match next {
                '"' => {
                    self.string()?;
                    continue;
                }
                '{' | '[' => depth += 1,
                '}' | ']' => depth -= 1,
                _ => {}
            }
            self.next();
            if depth == 0 {
                return Ok(TOO_DEEP.into());
            }
        }
        Err(self.stop(TOO_DEEP.into()))
    }
}

/// Parses a number. One that is out of range becomes a text, so that it is shown as it was sent.
fn number(word: &str) -> Option<Value> {
    if let Ok(number) = serde_json::from_str::<Number>(word) {
        return Some(Value::Number(number));
    }
    let parsed: f64 = word.parse().ok()?;
    let is_decimal = word.bytes().any(|it| it.is_ascii_digit());
    let finite = Number::from_f64(parsed).map(Value::Number);
    is_decimal.then(|| finite.unwrap_or_else(|| word.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn whole(text: &str) -> Value {
        let found = read(text).unwrap();
        assert_eq!(
            (found.extent, found.end),
            (Extent::Whole, text.len()),
            "{text}"
        );
        found.value
    }

    #[test]
    fn values_that_the_strict_reader_refuses_are_read() {
        for (text, expected) in [
            (r#"{"a": "echo \ud83d"}"#, json!({"a": "echo \u{fffd}"})),
            (r#"{"a": "\udc00\ud83d\ude00"}"#, json!({"a": "\u{fffd}😀"})),
            (r#"{"a": "\ud83d\u0041"}"#, json!({"a": "\u{fffd}A"})),
            ("{\"a\": \"tab\there\"}", json!({"a": "tab\there"})),
            (r#"{"a": "\x1b[0m \u12"}"#, json!({"a": "\\x1b[0m \\u12"})),
            (
                r#"{"a": 1e999, "b": -2.5}"#,
                json!({"a": "1e999", "b": -2.5}),
            ),
            (
                r#"{"a": NaN, "b": -Infinity}"#,
                json!({"a": "NaN", "b": "-Infinity"}),
            ),
            (r#"[1, 2, ]"#, json!([1, 2])),
            (r#"{"a": 007, "b": .5,}"#, json!({"a": 7.0, "b": 0.5})),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_values_are_cut_and_not_refused() {
        let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
        let value = whole(&deep).to_string();
        assert!(value.contains(TOO_DEEP), "{value}");
        assert!(serde_json::from_str::<Value>(&value).is_ok());
        let mut strict: Value =
            serde_json::from_str(&format!("{}1{}", "[".repeat(120), "]".repeat(120))).unwrap();
        limit_depth(&mut strict);
        assert!(strict.to_string().contains(TOO_DEEP));
    }

    #[test]
    fn the_part_before_a_break_is_kept() {
        for (text, extent, expected) in [
            (
                r#"{"id": 3, "result": {"stop"#,
                Extent::Unfinished,
                json!({"id": 3, "result": {}}),
            ),
            (
                r#"{"id": 3, "text": "half"#,
                Extent::Unfinished,
                json!({"id": 3, "text": "half"}),
            ),
            (
                r#"{"id": 3, "a": @@}"#,
                Extent::Broken,
                json!({"id": 3, "a": null}),
            ),
            ("[INFO] started", Extent::Broken, json!([null])),
        ] {
            let found = read(text).unwrap();
            assert_eq!((found.extent, found.value), (extent, expected), "{text}");
        }
        assert_eq!(read("text"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in any::<String>()) {
            read(&format!("{{{text}"));
            read(&format!("[{text}"));
        }

        /// The tolerant reader gives the same value for everything that the strict reader accepts.
        #[test]
        fn valid_values_are_read_alike(
            text in any::<String>(), number in any::<i64>(), float in -1e12..1e12_f64,
        ) {
            let value = json!({"a": [text, number, {"b": float}], "c": null, "d": [true, false]});
            let text = value.to_string();
            prop_assert_eq!(whole(&text), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
