use proptest::prelude::*;

use super::*;

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
fn folding_keeps_every_character() {
    assert_eq!(
        fold("ab  cdef\n\n g ", Some(4)),
        ["ab  ", "cdef", "", " g "]
    );
    assert_eq!(fold("日本語", Some(5)), ["日本", "語"]);
    assert_eq!(fold("a b\nc", None), ["a b", "c"]);
    assert_eq!(fold("日本", Some(0)), ["日", "本"]);
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

    #[test]
    fn folded_lines_are_the_text(text in any::<String>(), columns in 2usize..60) {
        for (line, folded) in visible(&text).split('\n').zip(text.split('\n')) {
            let lines = fold(folded, Some(columns));
            prop_assert!(lines.iter().all(|line| width(line) <= columns), "{:?}", lines);
            prop_assert_eq!(lines.concat(), line);
        }
    }
}

#[test]
fn quoted_text_is_one_word_of_a_shell() {
    assert_eq!(quoted("Fix the bug"), "\"Fix the bug\"");
    assert_eq!(quoted("it's $5"), "'it'\\''s $5'");
}
