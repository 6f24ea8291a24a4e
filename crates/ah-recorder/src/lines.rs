//! The agent's output, read line by line in bounded memory.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::protocol::LINE_BYTES_MAX;
use ah_rest_api_contract::ATTACHMENT_BYTES_MAX;

/// The maximum length of an agent line, in bytes. It is half of a journal line, because a record
/// holds both the translated event and the raw line.
pub(crate) const AGENT_LINE_BYTES_MAX: usize = LINE_BYTES_MAX / 2;

/// The maximum length of the base64 that a line may have in addition, in bytes: one attachment of
/// the maximum size, with line breaks.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 12 * 1024 * 1024;

const _: () = assert!(PAYLOAD_BYTES_MAX as u64 > ATTACHMENT_BYTES_MAX * 4 / 3 * 103 / 100);

/// The fields of messages that hold base64: of ACP and MCP (`data`, `blob`, `uri`), and of the APIs
/// of models (`url`, `b64_json`).
const PAYLOAD_FIELDS: [&[u8]; 6] = [b"data", b"blob", b"uri", b"url", b"b64_json", b"base64"];

/// The length of the head of a `data:` URL.
const URL_HEAD_BYTES_MAX: usize = 256;

/// A line of the agent, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AgentLine {
    /// The line. The long texts of a line over [`AGENT_LINE_BYTES_MAX`] are cut, except base64 up
    /// to [`PAYLOAD_BYTES_MAX`].
    pub(crate) text: Vec<u8>,
    /// The number of bytes that were left out.
    pub(crate) left_out: u64,
}

/// Returns the next line of `output`, or `None` at its end. A last line without a line break
/// counts.
pub(crate) async fn next_line(
    output: &mut (impl AsyncBufRead + Unpin),
    max: usize,
    payload_max: usize,
) -> std::io::Result<Option<AgentLine>> {
    let mut line = LineBuffer::new(max, payload_max);
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
/// kept, so that the rest of the message, and the ids in it, can still be read. Base64 would be
/// useless then, so it is kept as a whole or cut.
struct LineBuffer {
    kept: Kept,
    payload_max: usize,
    cutter: Option<StringCutter>,
}

impl LineBuffer {
    const fn new(max: usize, payload_max: usize) -> Self {
        Self {
            kept: Kept {
                text: Vec::new(),
                max,
                left_out: 0,
            },
            payload_max,
            cutter: None,
        }
    }

    fn add(&mut self, part: &[u8]) {
        let kept = &mut self.kept;
        if self.cutter.is_none() && kept.text.len() + part.len() > kept.max {
            let mut cutter = StringCutter::new(kept.max, self.payload_max);
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

/// Keeps the beginnings of the strings of a JSON text, and base64.
struct StringCutter {
    /// The maximum kept length of a string, in bytes.
    string_max: usize,
    /// The length of base64 that may still be kept beyond it, in bytes.
    payload_left: usize,
    /// The current string; `None` between strings.
    string: Option<StringState>,
    /// The string before the current one, if it names a field that holds base64.
    is_after_field: bool,
    /// True after the colon of such a field.
    is_payload_next: bool,
    /// True after a backslash in a string.
    is_escaped: bool,
}

/// The state of a string.
struct StringState {
    /// The place of its text in the kept line.
    start: usize,
    /// The kept length, in bytes.
    length: usize,
    /// True if it may be base64, as far as it is known.
    is_payload: bool,
    /// The number of bytes that were left out.
    cut: usize,
}

impl StringCutter {
    const fn new(max: usize, payload_max: usize) -> Self {
        Self {
            // A message has few long strings: the old and the new text of a file, or an output.
            string_max: max / 16,
            payload_left: payload_max,
            string: None,
            is_after_field: false,
            is_payload_next: false,
            is_escaped: false,
        }
    }

    fn add(&mut self, mut rest: &[u8], kept: &mut Kept) {
        while !rest.is_empty() {
            let special = match self.string {
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
        let Some(string) = &mut self.string else {
            for byte in run {
                match byte {
                    b':' => self.is_payload_next = self.is_after_field,
                    b',' | b'{' | b'[' => self.is_payload_next = false,
                    _ => continue,
                }
                self.is_after_field = false;
            }
            return kept.add(run);
        };
        if string.is_payload {
            let beyond =
                (string.length + run.len()).saturating_sub(self.string_max.max(string.length));
            if beyond <= self.payload_left && string.is_base64(run) {
                self.payload_left -= beyond;
                kept.max += beyond;
                kept.add(run);
                string.length += run.len();
                return;
            }
            self.payload_left += string.cut_payload(self.string_max, kept);
        }
        let room = run.len().min(self.string_max - string.length);
        kept.add(&run[..room]);
        string.length += room;
        string.cut += run.len() - room;
    }

    /// Adds a quote, or a backslash in a string.
    fn add_mark(&mut self, mark: &[u8], kept: &mut Kept) {
        if mark == b"\\" {
            self.is_escaped = true;
            return self.add_run(mark, kept);
        }
        let Some(string) = self.string.take() else {
            kept.add(mark);
            self.string = Some(StringState {
                start: kept.text.len(),
                length: 0,
                is_payload: std::mem::take(&mut self.is_payload_next),
                cut: 0,
            });
            return;
        };
        if string.cut > 0 {
            // The line breaks also mark a cut path as one that may point anywhere.
            kept.add(format!("\\n[… {} bytes left out …]\\n", string.cut).as_bytes());
            // Widening: a length in memory fits 64 bits.
            kept.left_out += string.cut as u64;
        }
        let text = kept.text.get(string.start..).unwrap_or_default();
        self.is_after_field = PAYLOAD_FIELDS.contains(&text);
        kept.add(mark);
    }
}

impl StringState {
    /// Returns true if the string is base64, or a `data:` URL of base64, also with this run.
    fn is_base64(&self, run: &[u8]) -> bool {
        let head = URL_HEAD_BYTES_MAX
            .saturating_sub(self.length)
            .min(run.len());
        // A backslash is the beginning of an escaped line break or slash.
        let is_data = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=\\".contains(byte);
        let is_in_head = |byte: &u8| is_data(byte) || b":;,.".contains(byte);
        run[..head].iter().all(is_in_head) && run[head..].iter().all(is_data)
    }

    /// Cuts a text that turned out not to be base64, or to be too long. Returns the length that it
    /// had beyond the maximum of a string.
    fn cut_payload(&mut self, string_max: usize, kept: &mut Kept) -> usize {
        self.is_payload = false;
        let beyond = self.length.saturating_sub(string_max);
        if beyond > 0 {
            kept.text.truncate(self.start + string_max);
            kept.text.shrink_to(kept.max);
            kept.max -= beyond;
            self.length = string_max;
            self.cut += beyond;
        }
        beyond
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
        while let Some(line) = next_line(&mut output, max, 4 * max).await.unwrap() {
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

    #[tokio::test]
    async fn base64_of_a_long_line_is_kept_up_to_its_own_limit() {
        // The limits are 1,024 bytes and 4,096 bytes of base64, and 64 bytes of other strings.
        let message = |field: &str, data: &str| {
            let text = "word ".repeat(300);
            format!(
                r#"{{"text":"{text}","in":{{"{field}":"{data}","mimeType":"image/png"}},"id":7}}"#
            )
        };
        let short = "iVBORw0KGgo".repeat(300);
        let url = format!("data:image/svg+xml;base64,{short}");
        let half = "iVBORw0KGgo".repeat(150);
        let broken = format!("{half}\\n{half}\\/=");
        for (field, data, is_kept) in [
            ("data", short.as_str(), true),
            ("blob", &broken, true),
            ("url", &url, true),
            ("uri", &url, true),
            // Another field, another alphabet at its end, and more than the limit.
            ("command", &short, false),
            ("data", &format!("{short} and words"), false),
            ("data", &"iVBORw0KGgo".repeat(400), false),
        ] {
            let text = message(field, data);
            for chunk in [1, 7, 64, 10_000] {
                let [line] = &lines(text.as_bytes(), chunk, 1024).await[..] else {
                    panic!("it is one line");
                };
                assert!(
                    line.text.len() <= 5 * 1024 && line.left_out > 1000,
                    "{line:?}"
                );
                let read: serde_json::Value = serde_json::from_slice(&line.text).unwrap();
                assert_eq!(read["id"], 7);
                assert_eq!(read["in"]["mimeType"], "image/png");
                let kept = read["in"][field].as_str().unwrap();
                let whole = data.replace("\\n", "\n").replace("\\/", "/");
                assert_eq!(kept == whole, is_kept, "{field}: {} bytes", kept.len());
                assert!(is_kept || kept.len() < 200, "{kept}");
            }
        }
    }

    #[tokio::test]
    async fn base64_of_several_strings_shares_the_limit() {
        let data = "QUJD".repeat(500);
        let one = format!(r#"{{"data":"{data}"}}"#);
        let text = format!("[{one},{one},{one},{one}]");
        let [line] = &lines(text.as_bytes(), 64, 1024).await[..] else {
            panic!("it is one line");
        };
        let read: serde_json::Value = serde_json::from_slice(&line.text).unwrap();
        let is_whole = |it: &serde_json::Value| it["data"].as_str() == Some(&data);
        let whole: Vec<bool> = read.as_array().unwrap().iter().map(is_whole).collect();
        assert_eq!(whole, [true, true, false, false]);
        assert!(line.text.len() <= 5 * 1024);
    }
}
