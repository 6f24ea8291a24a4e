//! Text for a terminal: made harmless, measured, cut and wrapped.
//!
//! Agents print text from untrusted sources: files, web pages, the output of commands. It must not
//! move the cursor, change the title, or hide other text.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The mark for omitted text.
const ELLIPSIS: char = '…';
const TAB: &str = "    ";

/// Returns the text without anything that a terminal would interpret.
///
/// Complete escape sequences are removed, so that coloured output stays readable. All other control
/// characters, and those that change the text direction, become visible. Line breaks are kept, and
/// tabs become spaces.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}'
            && let Some(after) = after_escape_sequence(rest)
        {
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push('\n'),
            // A carriage return before a line break has no effect.
            '\r' if rest.starts_with('\n') => {}
            '\t' => out.push_str(TAB),
            '\u{7f}' => out.push('\u{2421}'),
            // The control pictures have the same order as the control characters.
            c if u32::from(c) < 0x20 => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            c if c.is_control() || changes_direction(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Returns true for marks, embeddings, overrides and isolates, which can make text read differently
/// from its content.
const fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns the text after the escape sequence at its start; `None` if the sequence is incomplete.
fn after_escape_sequence(text: &str) -> Option<&str> {
    let body = text.strip_prefix('\u{1b}')?;
    if let Some(parameters) = body.strip_prefix('[') {
        let end = parameters.find(|c: char| !(' '..='?').contains(&c))?;
        return parameters[end..]
            .starts_with(|c: char| ('@'..='~').contains(&c))
            .then(|| &parameters[end + 1..]);
    }
    // Operating system commands (titles, links, the clipboard) and similar sequences end with a
    // string terminator or a bell, and never contain a line break.
    if let Some(string) = body.strip_prefix([']', 'P', '_', '^', 'X']) {
        let end = string.find(['\u{7}', '\u{1b}', '\n'])?;
        let tail = &string[end..];
        return tail
            .strip_prefix('\u{7}')
            .or_else(|| tail.strip_prefix("\u{1b}\\"));
    }
    None
}

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

#[cfg(test)]
mod tests;
