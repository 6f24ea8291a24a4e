use std::time::Instant;

use ah_rest_api_contract::{Timestamp, ToolOutcome};
use base64::engine::general_purpose::STANDARD as EXACT;
use proptest::prelude::*;
use ulid::Ulid;

use super::*;

fn attachments() -> Attachments {
    Attachments::new(SessionId::from_ulid(Ulid::from_parts(0, 1)))
}

fn at() -> Moment {
    Moment {
        wall: Timestamp::from_unix_millis(0),
        tick: Instant::now(),
    }
}

fn parts(effects: &Effects) -> Vec<&AttachmentPart> {
    let part =
        |record: &'_ crate::JournalRecord| matches!(record.entry, JournalEntry::Attachment(_));
    assert!(effects.records.iter().all(part));
    let records = effects.records.iter();
    records
        .filter_map(|record| match &record.entry {
            JournalEntry::Attachment(part) => Some(part),
            _ => None,
        })
        .collect()
}

fn binary(data: &[u8]) -> Binary {
    Binary {
        mime_type: Some("image/png".to_owned()),
        source: None,
        data: EXACT.encode(data),
    }
}

fn result() -> ToolResult {
    ToolResult::new("call-1", "shot", ToolOutcome::Completed, "done")
}

#[test]
fn content_is_recorded_once_in_parts_of_bounded_size() {
    let (mut attachments, mut effects, mut result) = (attachments(), Effects::default(), result());
    let bytes: Vec<u8> = (0..AttachmentPart::BYTES_MAX * 2 + 7)
        .map(|at| (at % 251) as u8)
        .collect();
    let both = [binary(&bytes), binary(&bytes), binary(b"other")];
    attachments.keep_all(&both, &mut result, at(), &mut effects);
    let parts = parts(&effects);
    assert_eq!(parts.len(), 4);
    let joined: Vec<u8> = parts[..3]
        .iter()
        .flat_map(|part| part.data.clone())
        .collect();
    assert_eq!(joined, bytes);
    assert!(
        parts
            .iter()
            .all(|part| part.data.len() <= AttachmentPart::BYTES_MAX)
    );
    assert_eq!(parts[2].offset, 2 * AttachmentPart::BYTES_MAX as u64);
    let [first, other] = &result.attachments[..] else {
        panic!("{result:?}");
    };
    assert_eq!(
        (first.hash, first.size),
        (parts[0].hash, bytes.len() as u64)
    );
    assert_eq!(AttachmentHash::in_url(&first.url), Some(first.hash));
    assert_eq!(other.hash.to_string(), hex(b"other"));
    assert_eq!(result.tool_output, "done");
}

fn hex(bytes: &[u8]) -> String {
    AttachmentHash::from_digest(Sha256::digest(bytes).into()).to_string()
}

#[test]
fn content_over_a_limit_is_named_and_not_recorded() {
    let (mut attachments, mut effects, mut result) = (attachments(), Effects::default(), result());
    // Widening on all supported platforms.
    let max = ATTACHMENT_BYTES_MAX as usize;
    let large = [binary(&vec![1; max + 1]), binary(&vec![1; max])];
    attachments.keep_all(&large, &mut result, at(), &mut effects);
    assert_eq!(result.attachments.len(), 1);
    let note = "done\n[image/png was not kept: it is larger than 8 MiB]";
    assert_eq!(result.tool_output, note);
    let count = ATTACHMENTS_BYTES_MAX / ATTACHMENT_BYTES_MAX;
    for number in 2..=count {
        let another = binary(&vec![number as u8; max]);
        attachments.keep_all(&[another], &mut result, at(), &mut effects);
    }
    assert_eq!(result.attachments.len() as u64, count);
    attachments.keep_all(&[binary(b"x")], &mut result, at(), &mut effects);
    assert_eq!(result.attachments.len() as u64, count);
    assert!(
        result.tool_output.contains("limited to 64 MiB"),
        "{}",
        result.tool_output
    );
    let recorded: u64 = parts(&effects).iter().map(|it| it.data.len() as u64).sum();
    assert_eq!(recorded, ATTACHMENTS_BYTES_MAX);
}

#[test]
fn data_is_read_as_agents_write_it() {
    for (data, expected) in [
        ("aGk/", Some("hi?")),
        ("aGk_", Some("hi?")),
        ("aGkhIQ", Some("hi!!")),
        ("aGkh\r\nIQ==\n", Some("hi!!")),
        ("data:text/plain;base64,aGk_", Some("hi?")),
        ("data:;base64,aGk=", Some("hi")),
        ("data:text/plain,hi", None),
        ("no, not this", None),
        ("", None),
        ("\u{0}", None),
    ] {
        let (mut attachments, mut effects) = (attachments(), Effects::default());
        let binary = Binary {
            mime_type: None,
            source: None,
            data: data.to_owned(),
        };
        let kept = attachments.keep(&binary, at(), &mut effects);
        let bytes: Vec<u8> = parts(&effects)
            .iter()
            .flat_map(|it| it.data.clone())
            .collect();
        assert_eq!(kept.is_ok(), expected.is_some(), "{data}");
        assert_eq!(bytes, expected.unwrap_or_default().as_bytes(), "{data}");
    }
}

#[test]
fn media_type_is_one_or_unknown() {
    for (reported, expected) in [
        (Some("image/PNG"), "image/png"),
        (Some("text/plain; charset=utf-8"), "text/plain"),
        (Some("image/svg+xml"), "image/svg+xml"),
        (Some("text/html\r\nSet-Cookie: a=b"), UNKNOWN_MEDIA_TYPE),
        (Some("image"), UNKNOWN_MEDIA_TYPE),
        (Some("image/"), UNKNOWN_MEDIA_TYPE),
        (Some("ïmage/png"), UNKNOWN_MEDIA_TYPE),
        (None, UNKNOWN_MEDIA_TYPE),
    ] {
        assert_eq!(media_type(reported), expected);
    }
}

#[test]
fn a_block_without_usable_data_says_why() {
    let (mut attachments, mut effects) = (attachments(), Effects::default());
    let broken = ContentBlock::Audio {
        data: "%".to_owned(),
        mime_type: "audio/wav".to_owned(),
    };
    let block = attachments.keep_block(broken, at(), &mut effects);
    let text = "[audio was not kept: its data is not base64, or was cut]";
    assert_eq!(block, ContentBlock::text(text));
    assert!(effects.records.is_empty());
}

#[test]
fn a_long_document_becomes_an_attachment_and_a_short_one_does_not() {
    let document = |text: String| ContentBlock::Resource {
        resource: EmbeddedResource::new("file:///ws/notes.md")
            .with_mime_type("text/markdown".to_owned())
            .with_text(text),
    };
    let (mut attachments, mut effects) = (attachments(), Effects::default());
    let short = document("x".repeat(TEXT_BYTES_MAX));
    assert_eq!(
        attachments.keep_block(short.clone(), at(), &mut effects),
        short
    );
    let text = "y".repeat(TEXT_BYTES_MAX + 1);
    let long = attachments.keep_block(document(text.clone()), at(), &mut effects);
    let ContentBlock::ResourceLink {
        name, mime_type, ..
    } = &long
    else {
        panic!("{long:?}");
    };
    assert_eq!(
        (name.as_str(), mime_type.as_deref()),
        ("notes.md", Some("text/markdown"))
    );
    assert_eq!(
        long.attachment().map(|it| it.to_string()),
        Some(hex(text.as_bytes()))
    );
}

proptest! {
    /// A part is one line of the journal, from which it is read back.
    #[test]
    fn parts_round_trip_through_the_journal(data in prop::collection::vec(any::<u8>(), 0..300)) {
        let entry = JournalEntry::Attachment(AttachmentPart {
            hash: AttachmentHash::from_digest(Sha256::digest(&data).into()),
            mime_type: "image/png".to_owned(),
            size: data.len() as u64,
            offset: 0,
            data,
        });
        let line = serde_json::to_string(&entry).unwrap();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<JournalEntry>(&line).unwrap(), entry);
    }
}
