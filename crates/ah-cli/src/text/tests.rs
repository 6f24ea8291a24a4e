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
fn what_is_not_a_whole_sequence_is_shown_and_hides_nothing() {
    assert_eq!(harmless("\u{1b}]0;never closed"), "␛]0;never closed");
    assert_eq!(harmless("\u{1b}c"), "␛c");
    assert_eq!(harmless("a\u{8}b\rc\u{9b}d"), "a␈b␍c\u{fffd}d");
    assert_eq!(harmless("one\r\ntwo\tthree"), "one\ntwo    three");
    assert_eq!(harmless("\u{202e}txt.exe"), "\u{fffd}txt.exe");
}

#[test]
fn wide_characters_count_twice() {
    assert_eq!(cut("日本語テキスト", 7), "日本語…");
    assert_eq!(fit("日本", 6), "日本  ");
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
    assert_eq!(cut("abcd", 0), "");
}

#[test]
fn wrapping_keeps_words_indentation_and_blank_lines() {
    assert_eq!(
        wrap("\none two three\n\n  four\n", Some(8)),
        ["one two", "three", "", "  four"]
    );
    assert_eq!(wrap("abcdefghij", Some(4)), ["abcd", "efgh", "ij"]);
}

#[test]
fn times_and_numbers_are_short() {
    assert_eq!(duration(Duration::from_millis(320)), "320ms");
    assert_eq!(duration(Duration::from_millis(1234)), "1.2s");
    assert_eq!(duration(Duration::from_secs(75)), "1m 15s");
    assert_eq!(duration(Duration::from_secs(3 * 3600 + 120)), "3h 02m");
    assert_eq!(age(Duration::from_secs(90_000)), "1d");
    assert_eq!(count(1_234_567), "1,234,567");
    assert_eq!(count(123), "123");
    assert_eq!(counted(1, "file"), "1 file");
}

proptest! {
    #[test]
    fn no_text_drives_the_terminal(text in any::<String>(), insert in "[\u{0}-\u{9f}]{0,8}") {
        let out = harmless(&format!("{insert}{text}{insert}"));
        prop_assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", out);
    }

    #[test]
    fn a_cut_never_exceeds_its_columns(text in any::<String>(), columns in 0usize..100) {
        let out = cut(&one_line(&text), columns);
        prop_assert!(width(&out) <= columns, "{:?} takes {}", out, width(&out));
    }

    #[test]
    fn no_wrapped_line_exceeds_its_columns(text in "[a-z 日本語\n]{0,200}", columns in 2usize..60) {
        for line in wrap(&text, Some(columns)) {
            prop_assert!(width(&line) <= columns, "{:?}", line);
        }
    }
}
