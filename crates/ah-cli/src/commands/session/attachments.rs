//! `ah session attachments`.

use std::io::Write as _;
use std::path::Path;

use ah_rest_api_contract::{
    AttachmentHash, ContentBlock, EventFilter, EventPayload, EventSeq, EventType, SessionId,
    TaskManager,
};
use serde::Serialize;

use super::events::history;
use super::target::target;
use crate::args::AttachmentsArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::text;

/// The number of digits of a hash that a terminal shows. They name an attachment of a session.
const HASH_COLUMNS: usize = 12;

/// An attachment, as an event of the session refers to it.
#[derive(Debug, Serialize)]
struct Found {
    hash: AttachmentHash,
    /// The number of the first event that refers to it.
    seq: EventSeq,
    mime_type: Option<String>,
    size: Option<u64>,
    source: Option<String>,
}

/// Lists the attachments, or writes one of them.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: &AttachmentsArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    if let Some(hash) = &args.save {
        let hash = match hash.parse() {
            Ok(hash) => hash,
            Err(_) => beginning_with(hash, &all(manager, session.id).await?)?,
        };
        let content = manager.get_session_attachment(session.id, hash).await?;
        return write(&content.bytes, args.output.as_deref(), context);
    }
    let found = all(manager, session.id).await?;
    if found.is_empty() && !context.json {
        context.terminal.hint("no attachments");
        return Ok(());
    }
    let is_short = context.terminal.columns().is_some();
    context.show(&found, || {
        found.iter().map(|found| line(found, is_short)).collect()
    })
}

/// Returns the attachments that the events of a session refer to, in the order of the events.
async fn all(manager: &dyn TaskManager, id: SessionId) -> Result<Vec<Found>, Failure> {
    let types = vec![EventType::Message, EventType::ToolResult];
    let filter = EventFilter::default().with_types(types);
    let mut all: Vec<Found> = Vec::new();
    history(manager, id, EventSeq::START, filter, |event| {
        for found in found_in(event.seq, &event.payload) {
            if all.iter().all(|known| known.hash != found.hash) {
                all.push(found);
            }
        }
        Ok(())
    })
    .await?;
    Ok(all)
}

fn found_in(seq: EventSeq, payload: &EventPayload) -> Vec<Found> {
    match payload {
        EventPayload::ToolResult(result) => {
            let found = result.attachments.iter().map(|attachment| Found {
                hash: attachment.hash,
                seq,
                mime_type: Some(attachment.mime_type.clone()),
                size: Some(attachment.size),
                source: attachment.source.clone(),
            });
            found.collect()
        }
        EventPayload::Message(message) => {
            let blocks = message.content.iter();
            let found = blocks.filter_map(|block| {
                let (mime_type, size, source) = match block {
                    ContentBlock::ResourceLink {
                        mime_type,
                        size,
                        title,
                        ..
                    } => (mime_type.clone(), *size, title.clone()),
                    ContentBlock::Image { mime_type, .. } => (mime_type.clone(), None, None),
                    _ => (None, None, None),
                };
                Some(Found {
                    hash: block.attachment()?,
                    seq,
                    mime_type,
                    size,
                    source,
                })
            });
            found.collect()
        }
        _ => Vec::new(),
    }
}

fn line(found: &Found, is_short: bool) -> Line {
    let mut hash = found.hash.to_string();
    if is_short {
        hash.truncate(HASH_COLUMNS);
    }
    let size = found.size.map(|size| format!("{size} B"));
    Line::of(Paint::Accent, hash)
        .with(Paint::Dim, format!("  {:>6}", found.seq.to_string()))
        .with(Paint::Plain, format!("  {:>12}", size.unwrap_or_default()))
        .with(
            Paint::Plain,
            format!(
                "  {}",
                text::one_line(found.mime_type.as_deref().unwrap_or_default())
            ),
        )
        .with(
            Paint::Plain,
            format!(
                "  {}",
                text::one_line(found.source.as_deref().unwrap_or_default())
            ),
        )
}

/// Returns the one attachment whose hash begins with `text`.
fn beginning_with(text: &str, all: &[Found]) -> Result<AttachmentHash, Failure> {
    let text = text.to_ascii_lowercase();
    let mut fitting = all
        .iter()
        .filter(|it| it.hash.to_string().starts_with(&text));
    match (fitting.next(), fitting.next()) {
        (Some(found), None) if !text.is_empty() => Ok(found.hash),
        (Some(_), _) => Err(Failure::validation(format!(
            "several attachments match `{text}`; give more digits of the hash"
        ))),
        (None, _) => Err(Failure::validation(format!(
            "no attachment of the session matches `{text}`"
        ))
        .hint("`ah session attachments` lists them")),
    }
}

/// Writes the bytes to `file`, or to standard output if that is not a terminal.
fn write(bytes: &[u8], file: Option<&Path>, context: &Context) -> Result<(), Failure> {
    if let Some(file) = file {
        return std::fs::write(file, bytes).map_err(|error| {
            Failure::general(format!("failed to write {}", file.display())).caused_by(error)
        });
    }
    if context.terminal.stdout_is_terminal() {
        return Err(Failure::validation(
            "an attachment is not written to a terminal; name a file with `-o`, or redirect the \
             output",
        ));
    }
    let mut output = std::io::stdout().lock();
    output
        .write_all(bytes)
        .and_then(|()| output.flush())
        .map_err(Failure::writing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Colour;

    fn found(digit: u8) -> Found {
        Found {
            hash: AttachmentHash::from_digest([digit; 32]),
            seq: EventSeq::new(7),
            mime_type: Some("image/png".to_owned()),
            size: Some(3),
            source: Some("file:///a\u{1b}[31m.png".to_owned()),
        }
    }

    #[test]
    fn an_attachment_is_named_by_the_beginning_of_its_hash() {
        let all = [found(0x12), found(0x13)];
        assert_eq!(beginning_with("12", &all).unwrap(), all[0].hash);
        for (text, message) in [
            ("1", "several attachments match `1`"),
            ("", "several attachments match ``"),
            ("7", "no attachment of the session matches `7`"),
        ] {
            let failure = beginning_with(text, &all).unwrap_err();
            assert!(failure.to_string().starts_with(message), "{failure}");
        }
    }

    #[test]
    fn a_terminal_shows_the_beginning_of_the_hash() {
        let short = line(&found(0x12), true).render(None, Colour::Plain);
        assert!(short.starts_with("121212121212  "), "{short}");
        assert!(!short.contains('\u{1b}'), "{short}");
        let whole = line(&found(0x12), false).render(None, Colour::Plain);
        assert!(whole.starts_with(&"12".repeat(32)), "{whole}");
    }
}
