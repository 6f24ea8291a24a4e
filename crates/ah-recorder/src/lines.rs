//! The agent's output, read line by line in bounded memory.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::protocol::LINE_BYTES_MAX;

/// The maximum length of an agent line, in bytes. It is half of a journal line, because a record
/// holds both the translated event and the raw line.
pub(crate) const AGENT_LINE_BYTES_MAX: usize = LINE_BYTES_MAX / 2;

/// A line, or the length of one that was too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AgentLine {
    /// A line without its line break.
    Whole(Vec<u8>),
    /// The length of a line over [`AGENT_LINE_BYTES_MAX`], whose content was discarded.
    TooLong(u64),
}

/// Returns the next line of `output`, or `None` at its end. A last line without a line break
/// counts.
pub(crate) async fn next_line(
    output: &mut (impl AsyncBufRead + Unpin),
    max: usize,
) -> std::io::Result<Option<AgentLine>> {
    let mut line = Vec::new();
    let mut dropped: u64 = 0;
    loop {
        let chunk = output.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(match (line.is_empty(), dropped) {
                (true, 0) => None,
                (_, 0) => Some(AgentLine::Whole(line)),
                (_, dropped) => Some(AgentLine::TooLong(dropped)),
            });
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if dropped > 0 || line.len() + part.len() > max {
            // Widening: a length in memory fits 64 bits.
            dropped += (line.len() + part.len()) as u64;
            line = Vec::new();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        output.consume(used);
        if end.is_some() {
            return Ok(Some(match dropped {
                0 => AgentLine::Whole(line),
                dropped => AgentLine::TooLong(dropped),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &[u8], chunk: usize) -> Vec<AgentLine> {
        let mut output = tokio::io::BufReader::with_capacity(chunk, text);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut output, 4).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_output_is_cut() {
        let whole = |text: &[u8]| AgentLine::Whole(text.to_vec());
        for chunk in 1..12 {
            assert_eq!(
                lines(b"ab\n\nabcd\nabcde\nlonger still\nend", chunk).await,
                [
                    whole(b"ab"),
                    whole(b""),
                    whole(b"abcd"),
                    AgentLine::TooLong(5),
                    AgentLine::TooLong(12),
                    whole(b"end"),
                ],
                "in chunks of {chunk}"
            );
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_reported_once_it_ends() {
        assert_eq!(lines(b"abcdefgh", 3).await, [AgentLine::TooLong(8)]);
        assert_eq!(lines(b"", 3).await, []);
    }
}
