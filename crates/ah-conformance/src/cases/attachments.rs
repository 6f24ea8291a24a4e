//! The attachments of sessions.

use ah_rest_api_contract::{AttachmentHash, ContentBlock, ErrorKind, EventPayload, MessageRole};
use serde_json::json;

use crate::World;
use crate::script::{hang, show, think};
use crate::world::refused;

/// The bytes `\x89PNG`, in base64.
const DATA: &str = "iVBORw==";
const BYTES: &[u8] = b"\x89PNG";

/// The data of an image, a sound and a binary document is not part of the message that contains
/// them. The message refers to attachments of its session, which are available until the session is
/// cancelled.
pub async fn binary_content_is_kept_apart_from_its_message(world: &World) {
    let manager = world.manager();
    let timeline = json!([
        show(&json!({"type": "image", "data": DATA, "mimeType": "image/png"})),
        show(&json!({"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"})),
        show(&json!({"type": "resource", "resource": {
            "uri": "file:///ws/report.pdf", "mimeType": "application/pdf", "blob": DATA,
        }})),
        think("shown"),
        hang(),
    ]);
    let id = world.launch(timeline).await;
    let events = world.until_thought(id, "shown").await;
    let blocks: Vec<&ContentBlock> = events
        .iter()
        .filter_map(|event| match &event.payload {
            EventPayload::Message(message) if message.role == MessageRole::Assistant => {
                Some(&message.content)
            }
            _ => None,
        })
        .flatten()
        .collect();
    let [image, sound, document] = blocks[..] else {
        panic!("three blocks: {blocks:#?}");
    };
    assert!(
        matches!(image, ContentBlock::Image { data: None, .. }),
        "{image:?}"
    );
    let mut hashes = Vec::new();
    // Equal content is one attachment, with the media type that it was first sent with.
    for (block, mime_type, bytes) in [
        (image, "image/png", BYTES),
        (sound, "audio/wav", b"RIFF".as_slice()),
        (document, "image/png", BYTES),
    ] {
        let hash = block.attachment().expect("it refers to an attachment");
        let found = manager.get_session_attachment(id, hash).await;
        let found = found.expect("it is kept");
        assert_eq!(
            (found.mime_type.as_str(), &found.bytes[..]),
            (mime_type, bytes)
        );
        hashes.push(hash);
    }
    assert_eq!(hashes[0], hashes[2]);
    let ContentBlock::ResourceLink {
        name, title, size, ..
    } = document
    else {
        panic!("it is a link: {document:?}");
    };
    assert_eq!((name.as_str(), *size), ("report.pdf", Some(4)));
    assert_eq!(title.as_deref(), Some("file:///ws/report.pdf"));

    let unknown = AttachmentHash::from_digest([9; 32]);
    let unknown = manager.get_session_attachment(id, unknown).await;
    refused(unknown, ErrorKind::NotFound);
    let other = world.launch(json!([think("hm"), hang()])).await;
    let elsewhere = manager.get_session_attachment(other, hashes[0]).await;
    refused(elsewhere, ErrorKind::NotFound);

    manager.cancel_session(id).await.expect("it runs");
    let gone = manager.get_session_attachment(id, hashes[0]).await;
    refused(gone, ErrorKind::NotFound);
}
