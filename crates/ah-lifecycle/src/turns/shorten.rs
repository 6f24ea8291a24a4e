//! Texts of which only the ends are kept.

/// Shortens `text` to at most `max` bytes. Its beginning and its end stay; a note between them
/// gives the number of bytes that were removed. `max` must be at least 64.
pub fn leave_out_middle(text: &mut String, max: usize) {
    const NOTE_BYTES_MAX: usize = 64;
    if text.len() <= max {
        return;
    }
    let half = (max - NOTE_BYTES_MAX) / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    let note = format!("\n[… {} bytes left out …]\n", tail - head);
    text.replace_range(head..tail, &note);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shortened_text_keeps_both_ends_within_its_bound(text in "\\PC{0,400}", max in 100_usize..400) {
            let mut cut = text.clone();
            leave_out_middle(&mut cut, max);
            prop_assert!(cut.len() <= max, "{} > {max}", cut.len());
            if text.len() <= max {
                prop_assert_eq!(cut, text);
            } else {
                prop_assert_eq!(cut.chars().next(), text.chars().next());
                prop_assert_eq!(cut.chars().last(), text.chars().last());
            }
        }
    }
}
