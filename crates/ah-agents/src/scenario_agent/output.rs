//! The bounded output of a tool.

use std::collections::VecDeque;

/// The maximum size of a tool's output in its event, in bytes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// The size that is kept of the beginning and of the end, in bytes. The note between them and the
/// replacement of invalid UTF-8 (three bytes for one, at worst) need room too.
const END_BYTES_MAX: usize = OUTPUT_BYTES_MAX / 2 - 128;

/// The beginning and the end of an output of any length.
#[derive(Debug, Default)]
pub(super) struct BoundedOutput {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl BoundedOutput {
    /// Appends bytes of the output.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = END_BYTES_MAX - self.head.len();
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(tail);
        let surplus = self.tail.len().saturating_sub(END_BYTES_MAX);
        self.tail.drain(..surplus);
        self.left_out += surplus as u64;
    }

    /// Returns the last line that is not blank, if it is within the last 1,024 bytes.
    pub(super) fn last_line(&self) -> String {
        const LOOK_BACK_BYTES: usize = 1024;
        let backwards = self
            .head
            .iter()
            .chain(&self.tail)
            .rev()
            .take(LOOK_BACK_BYTES);
        let mut end: Vec<u8> = backwards.copied().collect();
        end.reverse();
        let text = String::from_utf8_lossy(&end);
        let line = text
            .rsplit(['\n', '\r'])
            .map(str::trim)
            .find(|line| !line.is_empty());
        line.unwrap_or_default().to_owned()
    }

    /// Returns the whole output if it is at most 64 KiB; otherwise a note replaces its middle.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.tail.as_slices();
        if self.left_out == 0 {
            let whole = String::from_utf8_lossy(&[&self.head, front, back].concat()).into_owned();
            return shortened(whole);
        }
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let tail = String::from_utf8_lossy(&[front, back].concat()).into_owned();
        joined(&head, &tail, self.left_out)
    }
}

/// Shortens a text to the bound of a tool's output.
pub(super) fn shortened(text: String) -> String {
    if text.len() <= OUTPUT_BYTES_MAX {
        return text;
    }
    let head = &text[..text.floor_char_boundary(END_BYTES_MAX)];
    let tail = &text[text.ceil_char_boundary(text.len() - END_BYTES_MAX)..];
    joined(head, tail, (text.len() - head.len() - tail.len()) as u64)
}

fn joined(head: &str, tail: &str, left_out: u64) -> String {
    // The replacement of invalid UTF-8 may have made the ends longer.
    let kept_head = &head[..head.floor_char_boundary(END_BYTES_MAX)];
    let kept_tail = &tail[tail.ceil_char_boundary(tail.len().saturating_sub(END_BYTES_MAX))..];
    format!("{kept_head}\n[… {left_out} bytes left out …]\n{kept_tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(chunks: &[&[u8]]) -> BoundedOutput {
        let mut output = BoundedOutput::default();
        for chunk in chunks {
            output.push(chunk);
        }
        output
    }

    #[test]
    fn short_output_is_complete() {
        assert_eq!(output(&[b"one\n", b"two\n"]).text(), "one\ntwo\n");
    }

    #[test]
    fn long_output_keeps_both_ends_and_reports_the_omission() {
        let text = output(&[b"first\n", &vec![b'x'; 200_000], b"\nlast\n"]).text();
        assert!(text.len() <= OUTPUT_BYTES_MAX, "{}", text.len());
        assert!(text.starts_with("first\n") && text.ends_with("\nlast\n"));
        assert!(text.contains("bytes left out …]"));
    }

    #[test]
    fn bytes_that_are_not_text_do_not_break_the_bound() {
        let text = output(&[&vec![0xff; 500_000]]).text();
        assert!(text.len() <= OUTPUT_BYTES_MAX, "{}", text.len());
        assert!(shortened("é".repeat(100_000)).len() <= OUTPUT_BYTES_MAX);
        let under = output(&[&vec![0xff; 60_000]]).text();
        assert!(under.len() <= OUTPUT_BYTES_MAX, "{}", under.len());
    }

    #[test]
    fn last_line_does_not_depend_on_chunking() {
        for chunks in [
            &[b"one\ntwo\n".as_slice()][..],
            &[b"one\nt", b"wo\n"],
            &[b"one\ntwo", b"\n\n"],
            &[b"one\n", b"two"],
            &[b"one\n", b"t", b"w", b"o\n", b"\n"],
            &[b"one\rtwo\r"],
        ] {
            assert_eq!(output(chunks).last_line(), "two", "{chunks:?}");
        }
    }
}
