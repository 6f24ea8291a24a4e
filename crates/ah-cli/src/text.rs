//! Text fit for a terminal: made harmless, measured, cut and wrapped.
//!
//! What agents print is written by whoever writes to them: files, web pages, the output of
//! commands. None of it may move the cursor, change the title, or hide what stands beside it.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for what was left out.
const ELLIPSIS: char = '…';
const TAB: &str = "    ";

/// The text with nothing in it that a terminal would act on.
///
/// Complete escape sequences are removed, so that the coloured output of a command stays
/// readable; every other control character, and those that change the direction of text, become
/// visible. Line breaks stay, tabs become spaces.
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
            // A carriage return before a line break says nothing more.
            '\r' if rest.starts_with('\n') => {}
            '\t' => out.push_str(TAB),
            '\u{7f}' => out.push('\u{2421}'),
            // The control pictures stand in the order of the characters that they show.
            c if u32::from(c) < 0x20 => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            c if c.is_control() || changes_direction(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Marks, embeddings, overrides and isolates: with them a text can read other than it is.
const fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// What follows the escape sequence that `text` begins with; `None` when it is not a whole one.
fn after_escape_sequence(text: &str) -> Option<&str> {
    let body = text.strip_prefix('\u{1b}')?;
    if let Some(parameters) = body.strip_prefix('[') {
        let end = parameters.find(|c: char| !(' '..='?').contains(&c))?;
        return parameters[end..]
            .starts_with(|c: char| ('@'..='~').contains(&c))
            .then(|| &parameters[end + 1..]);
    }
    // Operating system commands (titles, links, the clipboard) and their kin end with a string
    // terminator or a bell, and never hold a line break.
    if let Some(string) = body.strip_prefix([']', 'P', '_', '^', 'X']) {
        let end = string.find(['\u{7}', '\u{1b}', '\n'])?;
        let tail = &string[end..];
        return tail
            .strip_prefix('\u{7}')
            .or_else(|| tail.strip_prefix("\u{1b}\\"));
    }
    None
}

/// The columns that a harmless text takes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// As much of the beginning of a harmless text as `columns` columns hold.
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

/// The text in at most `columns` columns, with `…` where it was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    match columns.checked_sub(1) {
        _ if width(text) <= columns => text.to_owned(),
        Some(columns) => format!("{}{ELLIPSIS}", head(text, columns)),
        None => String::new(),
    }
}

/// The text, cut or filled up with spaces to exactly `columns` columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// The words of the text in one line.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last line of the text that says something.
pub(crate) fn last_line(text: &str) -> String {
    harmless(text)
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// The lines of the text, wrapped between words to `columns` (not at all when `None`). Blank lines
/// at its ends are dropped; the indentation of a line is kept.
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
                // An indentation alone makes no line.
                let full = std::mem::take(&mut current);
                lines.extend(has_word.then_some(full));
            }
            current.push(c);
            has_word = true;
        }
    }
    lines.push(current);
}

/// A stretch of time as people say it, in at most two units.
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

/// A stretch of time in whole seconds, for something that is watched while it passes.
pub(crate) fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

/// How long ago something was, in one unit.
pub(crate) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A number with its thousands told apart.
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

/// `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

#[cfg(test)]
mod tests;
