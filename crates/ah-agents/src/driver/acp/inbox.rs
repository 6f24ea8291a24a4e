//! The agent's lines, read as messages.
//!
//! A line is one message, strictly. Agents and their wrappers also print notices, escape sequences
//! and several messages on a line, or one message on several lines. Whatever of it is a message is
//! read, since the agent waits for the answer to a dropped request, and the session for a dropped
//! answer.

use serde_json::Value;

use super::json::{self, Extent};
use super::rpc::{self, Incoming};

/// The maximum number of places in a line at which a message is looked for.
const STARTS_MAX: usize = 32;

/// The limits of a message that spans several lines.
const PARTIAL_BYTES_MAX: usize = 1024 * 1024;
const PARTIAL_LINES_MAX: usize = 10_000;

/// A part of the agent's output.
#[derive(Debug, PartialEq)]
pub(super) enum InboxPiece {
    /// A message.
    Message(Incoming),
    /// A message of which only a part can be read.
    Unreadable(Unreadable),
    /// Text that is not a message.
    Junk(String),
}

/// A message of which only a part can be read.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    /// Its id, if that can be read.
    pub(super) id: Option<Value>,
    /// True if it has a method, and is therefore no answer.
    pub(super) has_method: bool,
    pub(super) text: String,
}

/// The reader of the agent's lines.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The beginning of a message that spans several lines.
    partial: String,
    partial_lines: usize,
}

impl Inbox {
    /// Reads a line.
    pub(super) fn line(&mut self, line: &[u8]) -> Vec<InboxPiece> {
        if let Some(messages) = strict(line) {
            let mut pieces = self.flush();
            pieces.extend(messages);
            return pieces;
        }
        // No JSON contains NUL. A line with it is probably UTF-16, of which the rest is ASCII.
        let without_nul: Vec<u8>;
        let line = if line.contains(&0) {
            without_nul = line.iter().copied().filter(|byte| *byte != 0).collect();
            &without_nul
        } else {
            line
        };
        let text = String::from_utf8_lossy(line);
        if self.partial.is_empty() {
            return self.scan(&text);
        }
        self.partial.push('\n');
        self.partial.push_str(&text);
        self.partial_lines += 1;
        let is_over = self.partial.len() > PARTIAL_BYTES_MAX
            || self.partial_lines > PARTIAL_LINES_MAX
            || json::read(&self.partial).is_none_or(|found| found.extent != Extent::Unfinished);
        if !is_over {
            return Vec::new();
        }
        let partial = std::mem::take(&mut self.partial);
        let mut pieces = self.scan(&partial);
        // It is not kept a second time.
        pieces.extend(self.flush());
        pieces
    }

    /// Returns true if the end of a message is expected on a further line.
    pub(super) const fn is_partial(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Ends the message that spans several lines, whose end was not sent.
    pub(super) fn flush(&mut self) -> Vec<InboxPiece> {
        self.partial_lines = 0;
        let partial = std::mem::take(&mut self.partial);
        if partial.is_empty() {
            return Vec::new();
        }
        let found = json::read(&partial);
        vec![
            match found.and_then(|found| unreadable(&found.value, &partial)) {
                Some(unreadable) => InboxPiece::Unreadable(unreadable),
                None => InboxPiece::Junk(partial),
            },
        ]
    }

    /// Looks for messages in a text.
    fn scan(&mut self, text: &str) -> Vec<InboxPiece> {
        let mut pieces = Vec::new();
        let mut junk = String::new();
        let mut at = 0;
        for _ in 0..STARTS_MAX {
            let start = next_start(text, at, &mut junk);
            let Some(found) = json::read(&text[start..]) else {
                at = start;
                break;
            };
            let rest = &text[start..];
            let is_after_text = !junk.trim().is_empty();
            match found.extent {
                Extent::Whole => {
                    let end = start + found.end;
                    let messages = messages(found.value, is_after_text);
                    if messages.is_empty() {
                        junk.push_str(&text[start..end]);
                    } else {
                        report(&mut junk, &mut pieces);
                        pieces.extend(messages);
                    }
                    at = end;
                    continue;
                }
                Extent::Unfinished if !is_after_text && ends_between_values(rest) => {
                    self.partial = rest.to_owned();
                    return pieces;
                }
                Extent::Unfinished | Extent::Broken => {}
            }
            // The next message may follow the broken one.
            let end = rest[1..]
                .find("{\"jsonrpc\"")
                .map_or(text.len(), |it| start + 1 + it);
            if let Some(unreadable) = unreadable(&found.value, &text[start..end]) {
                report(&mut junk, &mut pieces);
                pieces.push(InboxPiece::Unreadable(unreadable));
                at = end;
            } else {
                junk.push_str(&rest[..1]);
                at = start + 1;
            }
        }
        junk.push_str(&text[at..]);
        report(&mut junk, &mut pieces);
        pieces
    }
}

/// Reads a line as it should be; `None` if it is not a message.
fn strict(line: &[u8]) -> Option<Vec<InboxPiece>> {
    let mut value = serde_json::from_slice(line).ok()?;
    json::limit_depth(&mut value);
    let messages = messages(value, false);
    (!messages.is_empty()).then_some(messages)
}

/// Returns the messages in a value: one, or those of a batch. After other text, only what names
/// its protocol counts.
fn messages(value: Value, is_after_text: bool) -> Vec<InboxPiece> {
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    let is_message =
        |value: &Value| rpc::is_message(value) && !(is_after_text && value["jsonrpc"].is_null());
    let is_request = |value: &Value| value["method"].is_string();
    values
        .into_iter()
        .filter(is_message)
        .map(|value| {
            let text = value.to_string();
            let unreadable = Unreadable {
                id: value.get("id").cloned(),
                has_method: is_request(&value) || value.get("method").is_some(),
                text: String::new(),
            };
            match rpc::read(value) {
                Some(message) => InboxPiece::Message(message),
                None => InboxPiece::Unreadable(Unreadable { text, ..unreadable }),
            }
        })
        .collect()
}

/// Returns what can be told of a message that breaks off; `None` if it is none.
fn unreadable(part: &Value, text: &str) -> Option<Unreadable> {
    let names_protocol = part.get("jsonrpc").is_some();
    let has_method = part.get("method").is_some_and(Value::is_string);
    let has_outcome = part.get("result").is_some() || part.get("error").is_some();
    let id = part.get("id").filter(|id| id.is_number() || id.is_string());
    let has_content = has_method || has_outcome;
    let is_message = names_protocol && (id.is_some() || has_content) || id.is_some() && has_content;
    is_message.then(|| Unreadable {
        id: id.cloned().or_else(|| trailing_id(text)),
        has_method,
        text: text.to_owned(),
    })
}

/// Returns the id at the end of a broken message: `…, "id": 3}`.
fn trailing_id(text: &str) -> Option<Value> {
    let (_, rest) = text.rsplit_once("\"id\"")?;
    let rest = rest.trim().strip_suffix('}')?;
    let id = rest.trim().strip_prefix(':')?;
    serde_json::from_str(id).ok()
}

/// Returns true if a text ends where a formatter breaks lines: after a bracket or a comma.
fn ends_between_values(text: &str) -> bool {
    text.trim_end().ends_with(['{', '[', ','])
}

/// Returns the position of the next bracket, from `at` on. The text before it is added to `junk`,
/// without escape sequences and control characters.
fn next_start(text: &str, at: usize, junk: &mut String) -> usize {
    let mut at = at;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '{' | '[' => return at,
            '\u{1b}' => at += escape_sequence(&text[at..]),
            _ => {
                if !next.is_control() && next != '\u{feff}' {
                    junk.push(next);
                }
                at += next.len_utf8();
            }
        }
    }
    at
}

/// Returns the length of the terminal's escape sequence that `text` begins with (ECMA-48).
fn escape_sequence(text: &str) -> usize {
    let body = text.get(1..).unwrap_or_default();
    let end = match body.chars().next() {
        // A control sequence ends with a letter, or one of a few signs.
        Some('[') => body[1..]
            .find(|it: char| ('@'..='~').contains(&it))
            .map(|end| end + 2),
        // A string, such as a title, ends with a bell or a terminator.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let bell = body.find('\u{7}').map(|end| end + 1);
            let terminator = body.find("\u{1b}\\").map(|end| end + 2);
            bell.into_iter().chain(terminator).min()
        }
        other => other.map(char::len_utf8),
    };
    1 + end.unwrap_or(0)
}

fn report(junk: &mut String, pieces: &mut Vec<InboxPiece>) {
    let text = std::mem::take(junk);
    if !text.trim().is_empty() {
        pieces.push(InboxPiece::Junk(text));
    }
}

#[cfg(test)]
mod tests;
