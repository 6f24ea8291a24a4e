//! Tests of server-sent events in chunks of arbitrary size.

use std::time::Duration;

use ah_rest_api_contract::StreamItem;
use ah_rest_api_contract::sse::{
    Decoded, Decoder, Frame, KEEP_ALIVE, decode_item, encode_comment, encode_item,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::strategies::{stream_item, text};

/// Decodes the bytes in chunks of the given sizes, repeated cyclically, and returns the results.
fn decode(bytes: &[u8], sizes: &[usize]) -> (Vec<Decoded>, Decoder) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        decoder.push(chunk).expect("small frames");
        found.extend(std::iter::from_fn(|| decoder.pop()));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    (found, decoder)
}

/// A frame that can be encoded.
fn frame() -> impl Strategy<Value = Frame> {
    let line = |text: String| text.replace(['\0', '\r', '\n'], "");
    (
        of(text().prop_map(line)),
        of(text()
            .prop_map(line)
            .prop_filter("a name", |name| !name.is_empty())),
        text(),
        of(any::<u64>().prop_map(Duration::from_millis)),
    )
        .prop_map(|(id, event, data, retry)| Frame {
            id,
            event,
            data,
            retry,
        })
}

/// Returns the frame as a reader receives it: all line ends are `\n`.
fn as_read(frame: &Frame) -> Frame {
    Frame {
        data: frame.data.replace("\r\n", "\n").replace('\r', "\n"),
        ..frame.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn frames_round_trip_in_any_chunks(
        frames in vec((frame(), any::<bool>()), 1..6),
        sizes in vec(1_usize..40, 1..8),
        mark: bool,
    ) {
        let mut bytes = if mark { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
        for (frame, keep_alive) in &frames {
            if *keep_alive {
                bytes.extend_from_slice(KEEP_ALIVE.as_bytes());
            }
            bytes.extend_from_slice(frame.encode().expect("a frame that can be sent").as_bytes());
        }
        let (found, decoder) = decode(&bytes, &sizes);
        let mut expected = Vec::new();
        for (frame, keep_alive) in &frames {
            if *keep_alive {
                expected.push(Decoded::Comment("keep-alive".to_owned()));
            }
            expected.push(Decoded::Frame(as_read(frame)));
        }
        prop_assert_eq!(found, expected);
        let last_id = frames.iter().rev().find_map(|(frame, _)| frame.id.as_deref());
        prop_assert_eq!(decoder.last_event_id(), last_id.unwrap_or_default());
    }

    #[test]
    fn truncated_stream_yields_only_complete_frames(frame in frame(), other in frame()) {
        let first = frame.encode().expect("a frame that can be sent");
        let both = first.clone() + &other.encode().expect("a frame that can be sent");
        for cut in first.len()..both.len() {
            let (found, decoder) = decode(&both.as_bytes()[..cut], &[cut]);
            prop_assert_eq!(&found, &[Decoded::Frame(as_read(&frame))]);
            prop_assert_eq!(decoder.last_event_id(), frame.id.as_deref().unwrap_or_default());
        }
    }

    #[test]
    fn chunking_does_not_change_the_result(bytes in vec(
        prop_oneof![
            4 => prop::sample::select(b"\r\n: adeint\0\xEF\xBB\xBF".to_vec()),
            1 => any::<u8>(),
        ], 0..200), sizes in vec(1_usize..9, 1..8)) {
        let (whole, _) = decode(&bytes, &[bytes.len().max(1)]);
        let (pieces, _) = decode(&bytes, &sizes);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn items_round_trip(item in stream_item(), sizes in vec(1_usize..64, 1..8)) {
        let text = encode_item(&item).expect("every item has JSON");
        let (found, _) = decode(text.as_bytes(), &sizes);
        let [Decoded::Frame(frame)] = found.as_slice() else {
            panic!("one frame, not {found:?}");
        };
        let seq = match &item {
            StreamItem::Event(event) => Some(event.seq.to_string()),
            StreamItem::Ephemeral(_) | StreamItem::Gap(_) => None,
        };
        prop_assert_eq!(&frame.id, &seq);
        prop_assert!(frame.event.is_some());
        prop_assert!(!frame.data.contains('\n'));
        prop_assert_eq!(decode_item(frame).expect("an item"), item);
    }

    #[test]
    fn comments_never_become_frames(comment in text()) {
        let (found, _) = decode(encode_comment(&comment).as_bytes(), &[7]);
        prop_assert!(found.iter().all(|found| matches!(found, Decoded::Comment(_))));
        prop_assert!(!found.is_empty());
    }
}
