//! Text made harmless: nothing in it is interpreted by a terminal, and nothing in it is hidden.

use icu_properties::props::{DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};

const TAB: &str = "    ";
/// The maximum number of combining marks on one character. More of them would cover other text.
const MARKS_MAX: usize = 4;

const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();
const PICTOGRAPHS: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<ExtendedPictographic>();
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> =
    CodePointMapData::<GeneralCategory>::new();

/// The treatment of complete escape sequences, and of the joiners inside of pictographs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequences {
    Removed,
    Shown,
}

/// Returns the text without anything that a terminal would interpret or not show.
///
/// Complete escape sequences are removed, so that coloured output stays readable. All other control
/// characters become pictures of themselves, and invisible ones their code points, `<U+200B>`. Line
/// breaks are kept, and tabs become spaces.
pub(crate) fn harmless(text: &str) -> String {
    escape(text, Sequences::Removed)
}

/// Returns the text with every character visible, escape sequences included.
///
/// For text that someone decides on: a program reads what a terminal would skip.
pub(crate) fn visible(text: &str) -> String {
    escape(text, Sequences::Shown)
}

/// Returns a JSON text with its control and invisible characters as JSON escapes. The text means the
/// same.
pub(crate) fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() || !(c.is_control() || is_invisible(c)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

fn escape(text: &str, sequences: Sequences) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = None;
    let mut marks = 0;
    while let Some(c) = rest.chars().next() {
        if c == '\u{1b}'
            && sequences == Sequences::Removed
            && let Some(after) = after_escape_sequence(rest)
        {
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' => out.push('\n'),
            // A carriage return before a line break has no effect.
            '\r' if rest.starts_with('\n') && sequences == Sequences::Removed => {}
            '\t' => out.push_str(TAB),
            '\u{7f}' => out.push('\u{2421}'),
            // The control pictures have the same order as the control characters.
            c if u32::from(c) < 0x20 => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            c if sequences == Sequences::Removed
                && is_part_of_a_pictograph(previous, c, rest.chars().next()) =>
            {
                out.push(c);
            }
            c if c.is_control() || is_invisible(c) || marks > MARKS_MAX => {
                out.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            c => out.push(c),
        }
        previous = Some(c);
    }
    out
}

/// Returns true for characters without a visible form: zero-width and format characters, tags,
/// variation selectors, fillers, separators of lines, and marks that change the text direction.
fn is_invisible(c: char) -> bool {
    // A Braille pattern without dots is the one visible symbol that shows nothing.
    const BLANK_PATTERN: char = '\u{2800}';
    !c.is_ascii()
        && (IGNORABLE.contains(c)
            || c == BLANK_PATTERN
            || matches!(
                CATEGORIES.get(c),
                GeneralCategory::Format
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
            ))
}

fn is_mark(c: char) -> bool {
    !c.is_ascii()
        && matches!(
            CATEGORIES.get(c),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
}

/// Returns true for a joiner or a variation selector that only shapes the pictographs beside it.
fn is_part_of_a_pictograph(previous: Option<char>, c: char, next: Option<char>) -> bool {
    let is_pictograph = |c: Option<char>| c.is_some_and(|c| PICTOGRAPHS.contains(c));
    let is_shaped = |c: Option<char>| matches!(c, Some('\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'));
    match c {
        '\u{fe0e}' | '\u{fe0f}' => is_pictograph(previous) || next == Some('\u{20e3}'),
        '\u{200d}' => (is_pictograph(previous) || is_shaped(previous)) && is_pictograph(next),
        _ => false,
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_are_removed_and_the_words_stay() {
        assert_eq!(harmless("\u{1b}[1;31merror\u{1b}[0m: no"), "error: no");
        assert_eq!(harmless("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(
            harmless("\u{1b}]8;;https://example.org\u{1b}\\link"),
            "link"
        );
    }

    #[test]
    fn an_incomplete_sequence_is_shown_and_hides_nothing() {
        assert_eq!(harmless("\u{1b}]0;never closed"), "␛]0;never closed");
        assert_eq!(harmless("\u{1b}c"), "␛c");
        assert_eq!(harmless("a\u{8}b\rc\u{9b}d"), "a␈b␍c<U+009B>d");
        assert_eq!(harmless("one\r\ntwo\tthree"), "one\ntwo    three");
    }

    #[test]
    fn invisible_characters_become_their_code_points() {
        for (text, shown) in [
            ("\u{202e}txt.exe", "<U+202E>txt.exe"),
            ("rm\u{200b} -rf", "rm<U+200B> -rf"),
            ("a\u{feff}b\u{2060}c\u{ad}d", "a<U+FEFF>b<U+2060>c<U+00AD>d"),
            ("ls\u{e0072}\u{e006d}", "ls<U+E0072><U+E006D>"),
            ("a\u{fe0f}\u{e0100}", "a<U+FE0F><U+E0100>"),
            ("\u{3164}\u{115f}\u{2800}|", "<U+3164><U+115F><U+2800>|"),
            ("a\u{2028}b\u{fff9}c", "a<U+2028>b<U+FFF9>c"),
            ("1\u{200d}2", "1<U+200D>2"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn words_and_pictographs_of_all_scripts_stay() {
        for text in [
            "Grüße",
            "日本語",
            "नमस्ते",
            "é e\u{301}",
            "✔\u{fe0f}",
            "👩\u{200d}💻",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn marks_do_not_cover_other_text() {
        let text = format!("a{}", "\u{336}".repeat(6));
        assert_eq!(
            harmless(&text),
            format!("a{}<U+0336><U+0336>", "\u{336}".repeat(4))
        );
    }

    #[test]
    fn a_decision_sees_what_a_terminal_would_skip() {
        assert_eq!(
            visible("ls \u{1b}]0;\u{7}; rm -rf x\u{1b}[8m\r\n"),
            "ls ␛]0;␇; rm -rf x␛[8m␍\n"
        );
        assert_eq!(visible("👩\u{200d}💻"), "👩<U+200D>💻");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"cmd": "a\u{202e}b\u{9b}c\u{e0041}\u{1b}é"});
        let shown = visible_json(&value.to_string());
        assert_eq!(shown, r#"{"cmd":"a\u202eb\u009bc\udb40\udc41\u001bé"}"#);
        let read: serde_json::Value = serde_json::from_str(&shown).expect("is JSON");
        assert_eq!(read, value);
    }

    proptest! {
        #[test]
        fn no_text_controls_the_terminal(text in any::<String>(), insert in "[\u{0}-\u{9f}]{0,8}") {
            for out in [harmless(&format!("{insert}{text}{insert}")), visible(&text)] {
                prop_assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", out);
            }
        }
    }
}
