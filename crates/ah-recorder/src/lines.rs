//! The agent's output, read line by line in bounded memory.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::protocol::LINE_BYTES_MAX;

/// The maximum length of an agent line, in bytes. It is half of a journal line, because a record
/// holds both the translated event and the raw line.
pub(crate) const AGENT_LINE_BYTES_MAX: usize = LINE_BYTES_MAX / 2;

/// A line of the agent, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AgentLine {
    /// The line. The long texts of a line over [`AGENT_LINE_BYTES_MAX`] are cut.
    pub(crate) text: Vec<u8>,
    /// The number of bytes that were left out.
    pub(crate) left_out: u64,
}

/// Returns the next line of `output`, or `None` at its end. A last line without a line break
/// counts.
pub(crate) async fn next_line(
    output: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> std::io::Result<Option<AgentLine>> {
    let mut line = LineBuffer::new(max);
    let mut is_empty = true;
    loop {
        let chunk = output.fill_buf().await?;
        if chunk.is_empty() {
            return Ok((!is_empty).then(|| line.finish()));
        }
        is_empty = false;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        line.add(part);
        let used = part.len() + usize::from(end.is_some());
        output.consume(used);
        if end.is_some() {
            return Ok(Some(line.finish()));
        }
    }
}

/// A line in progress. Once it is too long, it is cut as JSON: of each string only the beginning is
/// kept, so that the rest of the message, and the ids in it, can still be read.
struct LineBuffer {
    kept: Kept,
    cutter: Option<StringCutter>,
}

impl LineBuffer {
    const fn new(max: usize) -> Self {
        Self {
            kept: Kept {
                text: Vec::new(),
                max,
                left_out: 0,
            },
            cutter: None,
        }
    }

    fn add(&mut self, part: &[u8]) {
        let kept = &mut self.kept;
        if self.cutter.is_none() && kept.text.len() + part.len() > kept.max {
            let mut cutter = StringCutter::new(kept.max);
            let whole = std::mem::take(&mut kept.text);
            cutter.add(&whole, kept);
            self.cutter = Some(cutter);
        }
        match &mut self.cutter {
            Some(cutter) => cutter.add(part, kept),
            None => kept.add(part),
        }
    }

    fn finish(self) -> AgentLine {
        AgentLine {
            text: self.kept.text,
            left_out: self.kept.left_out,
        }
    }
}

/// Keeps the beginnings of the strings of a JSON text.
struct StringCutter {
    /// The maximum kept length of a string, in bytes.
    string_max: usize,
    /// The kept length of the current string; `None` between strings.
    in_string: Option<usize>,
    /// True after a backslash in a string.
    is_escaped: bool,
    /// The number of bytes of the current string that were left out.
    cut: usize,
}

impl StringCutter {
    const fn new(max: usize) -> Self {
        Self {
            // A message has few long strings: the old and the new text of a file, or an output.
            string_max: max / 16,
            in_string: None,
            is_escaped: false,
            cut: 0,
        }
    }

    fn add(&mut self, mut rest: &[u8], kept: &mut Kept) {
        while !rest.is_empty() {
            let special = match self.in_string {
                Some(_) if self.is_escaped => None,
                Some(_) => rest.iter().position(|byte| matches!(byte, b'"' | b'\\')),
                None => rest.iter().position(|byte| *byte == b'"'),
            };
            let run = match special {
                // The character after a backslash.
                None if std::mem::take(&mut self.is_escaped) => 1,
                special => special.unwrap_or(rest.len()),
            };
            self.add_run(&rest[..run], kept);
            rest = &rest[run..];
            if special.is_some() {
                let (mark, after) = rest.split_at(1);
                self.add_mark(mark, kept);
                rest = after;
            }
        }
    }

    fn add_run(&mut self, run: &[u8], kept: &mut Kept) {
        let Some(length) = &mut self.in_string else {
            return kept.add(run);
        };
        let room = run.len().min(self.string_max - *length);
        kept.add(&run[..room]);
        *length += room;
        self.cut += run.len() - room;
    }

    /// Adds a quote, or a backslash in a string.
    fn add_mark(&mut self, mark: &[u8], kept: &mut Kept) {
        if mark == b"\\" {
            self.is_escaped = true;
            return self.add_run(mark, kept);
        }
        let cut = std::mem::take(&mut self.cut);
        if cut > 0 {
            // The line breaks also mark a cut path as one that may point anywhere.
            kept.add(format!("\\n[… {cut} bytes left out …]\\n").as_bytes());
            // Widening: a length in memory fits 64 bits.
            kept.left_out += cut as u64;
        }
        self.in_string = match self.in_string {
            Some(_) => None,
            None => Some(0),
        };
        kept.add(mark);
    }
}

/// The kept part of a line.
struct Kept {
    text: Vec<u8>,
    max: usize,
    left_out: u64,
}

impl Kept {
    /// Adds a part, as far as there is room.
    fn add(&mut self, part: &[u8]) {
        let room = part.len().min(self.max.saturating_sub(self.text.len()));
        self.text.extend_from_slice(&part[..room]);
        // Widening: a length in memory fits 64 bits.
        self.left_out += (part.len() - room) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &[u8], chunk: usize, max: usize) -> Vec<AgentLine> {
        let mut output = tokio::io::BufReader::with_capacity(chunk, text);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut output, max).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    fn line(text: &[u8], left_out: u64) -> AgentLine {
        let text = text.to_vec();
        AgentLine { text, left_out }
    }

    #[tokio::test]
    async fn lines_do_not_depend_on_chunking() {
        for chunk in 1..12 {
            assert_eq!(
                lines(b"ab\n\nabcd\nabcde\nlonger still\nend", chunk, 4).await,
                [
                    line(b"ab", 0),
                    line(b"", 0),
                    line(b"abcd", 0),
                    line(b"abcd", 1),
                    line(b"long", 8),
                    line(b"end", 0),
                ],
                "in chunks of {chunk}"
            );
        }
    }

    #[tokio::test]
    async fn overlong_line_is_reported_at_its_end() {
        assert_eq!(lines(b"abcdefgh", 3, 4).await, [line(b"abcd", 4)]);
        assert_eq!(lines(b"", 3, 4).await, []);
    }

    #[tokio::test]
    async fn the_texts_of_a_long_line_are_cut_and_its_structure_is_kept() {
        let long = "x\\\"".repeat(1000);
        let text = format!(r#"{{"a":"{long}","short":"y","b":["{long}",1],"id":7}}"#);
        for chunk in [1, 7, 64, 10_000] {
            let [line] = &lines(text.as_bytes(), chunk, 1024).await[..] else {
                panic!("it is one line");
            };
            assert!(line.text.len() <= 1024 && line.left_out > 5000, "{line:?}");
            let read: serde_json::Value = serde_json::from_slice(&line.text).unwrap();
            assert_eq!((&read["short"], &read["id"]), (&"y".into(), &7.into()));
            let cut = read["b"][0].as_str().unwrap();
            assert!(cut.starts_with("x\"x") && cut.contains("left out"), "{cut}");
        }
    }
}
