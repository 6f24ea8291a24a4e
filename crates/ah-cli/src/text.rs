//! Text for a terminal: made harmless, measured, cut and wrapped.
//!
//! Agents print text from untrusted sources: files, web pages, the output of commands. It must not
//! move the cursor, change the title, or hide other text.

mod escape;

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub(crate) use escape::{harmless, visible, visible_json};

/// The mark for omitted text.
const ELLIPSIS: char = '…';

/// Returns the width of a harmless text in columns.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Returns the longest prefix of a harmless text that fits into `columns`.
pub(crate) fn head(text: &str, columns: usize) -> &str {
    if width(text) <= columns {
        return text;
    }
    let mut used = 0;
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..index];
        }
    }
    text
}

/// Returns the text in at most `columns` columns, with `…` at the cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    match columns.checked_sub(1) {
        _ if width(text) <= columns => text.to_owned(),
        Some(columns) => format!("{}{ELLIPSIS}", head(text, columns)),
        None => String::new(),
    }
}

/// Returns the text cut or padded to exactly `columns` columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// Returns the words of the text in one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns the last line of the text that is not blank.
pub(crate) fn last_line(text: &str) -> String {
    harmless(text)
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// Wraps the text between words to `columns` (`None`: not at all). Blank lines at both ends are
/// dropped, and indentation is kept.
pub(crate) fn wrap(text: &str, columns: Option<usize>) -> Vec<String> {
    let text = harmless(text);
    let mut lines = Vec::new();
    for line in text.trim_matches('\n').trim_end().split('\n') {
        match columns {
            Some(columns) => wrap_line(line.trim_end(), columns.max(1), &mut lines),
            None => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

fn wrap_line(line: &str, columns: usize, lines: &mut Vec<String>) {
    let indentation: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut current = cut(&indentation, columns / 2);
    let mut has_word = false;
    for word in line.split_whitespace() {
        let needed = width(word) + usize::from(has_word);
        if has_word && width(&current) + needed > columns {
            lines.push(std::mem::take(&mut current));
            has_word = false;
        }
        if has_word {
            current.push(' ');
        }
        for c in word.chars() {
            if width(&current) + c.width().unwrap_or(0) > columns {
                // A line of indentation alone is dropped.
                let full = std::mem::take(&mut current);
                lines.extend(has_word.then_some(full));
            }
            current.push(c);
            has_word = true;
        }
    }
    lines.push(current);
}

/// Splits the text into lines of at most `columns` (`None`: only at line breaks). Every character is
/// kept and visible.
pub(crate) fn fold(text: &str, columns: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in visible(text).split('\n') {
        let mut rest = line;
        while let Some(columns) = columns {
            // At least one character, however narrow the terminal is.
            let fitting = head(rest, columns.max(2));
            if fitting.len() == rest.len() {
                break;
            }
            lines.push(fitting.to_owned());
            rest = &rest[fitting.len()..];
        }
        lines.push(rest.to_owned());
    }
    lines
}

/// Returns a duration in at most two units.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() < 1000 => format!("{}ms", duration.as_millis()),
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Returns a duration in whole seconds, for a running display.
pub(crate) fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

/// Returns an age in one unit.
pub(crate) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns a number with thousands separators.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count with its noun: `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Returns the text in quotes for a shell. Single quotes are used where double quotes would let the
/// shell change it.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(['"', '\\', '$', '`', '!']) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        format!("\"{text}\"")
    }
}

#[cfg(test)]
mod tests;
