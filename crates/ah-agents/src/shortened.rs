//! Texts that are kept only in part.

/// Shortens `text` to at most `max` bytes: its beginning and its end stay, and words between them
/// say how much is gone.
pub(crate) fn leave_out_middle(text: &mut String, max: usize) {
    const WORDS_BYTES_MAX: usize = 64;
    if text.len() <= max {
        return;
    }
    let half = (max - WORDS_BYTES_MAX) / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    let words = format!("\n[… {} bytes left out …]\n", tail - head);
    text.replace_range(head..tail, &words);
}
