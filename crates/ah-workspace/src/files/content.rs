//! A part of a file's content.

use ah_rest_api_contract::{ContentQuery, FileContent, FileEncoding, FilePath};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::listing::Entry;

/// The longest character of UTF-8, in bytes.
const CHARACTER_BYTES_MAX: usize = 4;

/// The bytes of a file that a query asks for, collected from the whole content.
#[derive(Debug)]
pub(super) struct Part {
    offset: u64,
    limit: usize,
    size: u64,
    /// The number of bytes of the file seen so far.
    seen: u64,
    bytes: Vec<u8>,
}

impl Part {
    pub(super) fn of(query: ContentQuery, size: u64) -> Self {
        Self {
            offset: query.offset,
            limit: usize::try_from(query.bytes()).unwrap_or(usize::MAX),
            size,
            seen: 0,
            bytes: Vec::new(),
        }
    }

    /// Takes the next bytes of the whole content.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let skipped = usize::try_from(self.offset.saturating_sub(self.seen)).unwrap_or(usize::MAX);
        self.seen += bytes.len() as u64;
        let rest = bytes.get(skipped..).unwrap_or_default();
        let count = rest.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(&rest[..count]);
    }

    /// Returns the form in which the bytes are sent.
    pub(super) fn encoding(&self) -> FileEncoding {
        match self.text() {
            Some(_) => FileEncoding::Utf8,
            None => FileEncoding::Base64,
        }
    }

    pub(super) fn into_content(
        self,
        path: &FilePath,
        entry: &Entry,
        is_modified: bool,
    ) -> FileContent {
        let encoding = self.encoding();
        let (content, sent) = match self.text() {
            Some(text) => (text.to_owned(), text.len()),
            None => (STANDARD.encode(&self.bytes), self.bytes.len()),
        };
        let next = self.offset.saturating_add(sent as u64);
        let size = entry.size_bytes.unwrap_or(self.size);
        FileContent::new(path.as_str(), content, size)
            .with_encoding(encoding)
            .with_offset(self.offset)
            .with_next_offset((next < size).then_some(next))
            .with_is_modified(is_modified)
    }

    /// Returns the bytes as text, without a character that the end of the part cuts. `None` if they
    /// are no text.
    fn text(&self) -> Option<&str> {
        let error = match std::str::from_utf8(&self.bytes) {
            Ok(text) => return Some(text),
            Err(error) => error,
        };
        let is_end = self.offset + self.bytes.len() as u64 >= self.size;
        let rest = self.bytes.len() - error.valid_up_to();
        // A part with no whole character is sent as bytes, so that the next part begins later.
        let is_cut = !is_end && error.error_len().is_none() && rest < CHARACTER_BYTES_MAX;
        let text = self.bytes.get(..error.valid_up_to())?;
        let text = std::str::from_utf8(text).ok()?;
        (is_cut && !text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(whole: &[u8], offset: u64, bytes: u32) -> Part {
        let query = ContentQuery::new(offset, bytes).unwrap();
        let mut part = Part::of(query, whole.len() as u64);
        for piece in whole.chunks(3) {
            part.take(piece);
        }
        part
    }

    fn read(whole: &[u8], bytes: u32) -> Vec<u8> {
        let path: FilePath = "a".parse().unwrap();
        let entry = Entry::parse(format!("100644 blob 0 {}\ta", whole.len()).as_bytes()).unwrap();
        let (mut all, mut offset) = (Vec::new(), 0);
        for _ in 0..=whole.len() {
            let content = part(whole, offset, bytes).into_content(&path, &entry, false);
            match content.encoding {
                FileEncoding::Utf8 => all.extend(content.content.into_bytes()),
                _ => all.extend(STANDARD.decode(content.content).unwrap()),
            }
            match content.next_offset {
                Some(next) => offset = next,
                None => return all,
            }
        }
        panic!("reading does not come to an end");
    }

    #[test]
    fn parts_put_together_are_the_file() {
        let texts: [&[u8]; 5] = [
            b"",
            b"plain",
            "ä€😀 mixed 😀".as_bytes(),
            b"\xff\xfe\x00\x01broken",
            "half \u{20ac}".as_bytes().split_last().unwrap().1,
        ];
        for whole in texts {
            for bytes in 1..12 {
                assert_eq!(read(whole, bytes), whole, "{bytes} bytes of {whole:?}");
            }
        }
    }

    #[test]
    fn a_cut_character_is_left_to_the_next_part() {
        let whole = "ab\u{20ac}".as_bytes();
        assert_eq!(part(whole, 0, 4).text(), Some("ab"));
        assert_eq!(part(whole, 0, 5).text(), Some("ab\u{20ac}"));
        assert_eq!(part(whole, 2, 1).text(), None);
        assert_eq!(part(whole, 9, 4).text(), Some(""));
        assert_eq!(part(b"ab\xe2\x82", 0, 9).text(), None);
    }
}
