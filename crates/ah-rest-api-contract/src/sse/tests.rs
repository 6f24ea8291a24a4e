use super::*;
use crate::{EventSeq, EventType, Gap, StreamItem};

fn decode(chunks: &[&[u8]]) -> (Vec<Decoded>, Decoder) {
    let mut decoder = Decoder::new();
    for chunk in chunks {
        decoder.push(chunk).expect("small frames");
    }
    let found = std::iter::from_fn(|| decoder.pop()).collect();
    (found, decoder)
}

fn data(text: &str) -> Decoded {
    Decoded::Frame(Frame::new(text))
}

#[test]
fn examples_of_the_standard_are_parsed_as_specified() {
    let (found, decoder) = decode(&[
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
    ]);
    let first = Frame {
        id: Some("1".to_owned()),
        ..Frame::new("first event")
    };
    // An `id` without a value clears the previous one. The third frame lacks its empty line and is
    // discarded.
    let second = Frame {
        id: Some(String::new()),
        ..Frame::new("second event")
    };
    assert_eq!(
        found,
        [
            Decoded::Comment("test stream".to_owned()),
            Decoded::Frame(first),
            Decoded::Frame(second)
        ]
    );
    assert_eq!(decoder.last_event_id(), "");

    let (found, _) = decode(&[b"data\n\ndata\ndata\n\ndata:"]);
    assert_eq!(found, [data(""), data("\n")]);
    let (found, _) = decode(&[b"data:test\n\ndata: test\n\n"]);
    assert_eq!(found, [data("test"), data("test")]);
}

#[test]
fn every_line_ending_is_recognized_across_chunks() {
    let expected = [data("a\nb"), data("c")];
    for text in [
        "data: a\ndata: b\n\ndata: c\n\n",
        "data: a\rdata: b\r\rdata: c\r\r",
        "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
    ] {
        for cut in 0..=text.len() {
            let (head, tail) = text.as_bytes().split_at(cut);
            assert_eq!(decode(&[head, tail]).0, expected, "{text:?} cut at {cut}");
        }
    }
}

#[test]
fn a_frame_ended_by_a_bare_cr_does_not_wait_for_the_next_byte() {
    assert_eq!(decode(&[b"data: a\r\r"]).0, [data("a")]);
}

#[test]
fn one_leading_byte_order_mark_is_skipped() {
    let (found, _) = decode(&[b"\xEF", b"\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n"]);
    assert_eq!(found, [data("a")]);
}

#[test]
fn split_characters_are_joined_and_invalid_ones_replaced() {
    let (found, _) = decode(&["data: \u{1F980}\n\n".as_bytes()]);
    assert_eq!(found, [data("\u{1F980}")]);
    let (found, _) = decode(&[b"data: \xF0\x9F", b"\xA6\x80\n\ndata: \xF0\x9F\n\n"]);
    assert_eq!(found, [data("\u{1F980}"), data("\u{FFFD}")]);
}

#[test]
fn ids_with_nul_and_invalid_retry_times_are_ignored() {
    let (found, decoder) =
        decode(&[b"id: 1\nretry: 250\ndata: a\n\nid: 2\0\nretry: 1s\nretry:\ndata: b\n\n"]);
    let first = Frame {
        id: Some("1".to_owned()),
        retry: Some(Duration::from_millis(250)),
        ..Frame::new("a")
    };
    assert_eq!(found, [Decoded::Frame(first), data("b")]);
    assert_eq!(decoder.last_event_id(), "1");
    assert_eq!(decoder.retry(), Some(Duration::from_millis(250)));
}

#[test]
fn id_counts_without_data_but_not_within_an_incomplete_frame() {
    let (found, mut decoder) = decode(&[b"id: 5\nevent: x\n\nid: 6\ndata: a\n"]);
    assert_eq!(found, []);
    assert_eq!(decoder.last_event_id(), "5");
    decoder.push(b"\n").expect("a small frame");
    assert_eq!(decoder.last_event_id(), "6");
    // The name of a frame without data is discarded.
    let frame = Frame {
        id: Some("6".to_owned()),
        ..Frame::new("a")
    };
    assert_eq!(decoder.pop(), Some(Decoded::Frame(frame)));
}

#[test]
fn decoder_is_inside_a_frame_until_its_empty_line_is_complete() {
    let text = b"id: 1\r\ndata: x\r\n\r\n";
    let mut decoder = Decoder::new();
    for end in 0..text.len() {
        // The `\n` of the empty line belongs to a line end that was already processed.
        let is_within = (1..text.len() - 1).contains(&end);
        assert_eq!(decoder.is_within_frame(), is_within, "at {end}");
        decoder.push(&text[end..=end]).expect("small");
    }
    assert!(!decoder.is_within_frame());
    decoder.push(b": keep-").expect("small");
    assert!(decoder.is_within_frame());
    decoder.push(b"alive\n").expect("small");
    assert!(!decoder.is_within_frame());
}

#[test]
fn unknown_fields_and_values_with_colons_follow_the_standard() {
    let (found, _) = decode(&[b"Data: no\ndata: a: b\n:\nfoo\n\n"]);
    assert_eq!(found, [Decoded::Comment(String::new()), data("a: b")]);
}

#[test]
fn oversized_frame_is_an_error_after_the_earlier_frames() {
    let mut decoder = Decoder::new();
    decoder.push(b"id: 1\ndata: a\n\ndata: ").expect("small");
    let piece = vec![b'x'; 1024 * 1024];
    let pushes = std::iter::repeat_with(|| decoder.push(&piece))
        .take(9)
        .position(|result| result.is_err());
    assert_eq!(pushes, Some(7));
    let error = decoder.push(b"data: b\n\n").expect_err("poisoned");
    assert_eq!(
        error.to_string(),
        "an SSE frame is larger than the 8388608 bytes that a reader takes"
    );
    assert!(matches!(decoder.pop(), Some(Decoded::Frame(frame)) if frame.data == "a"));
    assert_eq!(decoder.pop(), None);
    assert_eq!(decoder.last_event_id(), "1");
}

#[test]
fn small_lines_count_towards_the_limit_but_comments_between_frames_do_not() {
    let mut decoder = Decoder::new();
    let comments = KEEP_ALIVE.repeat(64 * 1024);
    for _ in 0..12 {
        decoder.push(comments.as_bytes()).expect("no frame at all");
        while decoder.pop().is_some() {}
    }
    let lines = "data: x\n".repeat(64 * 1024);
    let refused = (0..32).any(|_| decoder.push(lines.as_bytes()).is_err());
    assert!(refused);
}

#[test]
fn fields_with_line_breaks_are_rejected() {
    let with_id = |id: &str| Frame {
        id: Some(id.to_owned()),
        ..Frame::new("")
    };
    let with_event = |event: &str| Frame {
        event: Some(event.to_owned()),
        ..Frame::new("")
    };
    for id in ["a\nb", "a\rb", "a\0b"] {
        assert_eq!(with_id(id).encode(), Err(InvalidFrame::Id));
    }
    for event in ["", "a\nb", "a\rb"] {
        assert_eq!(with_event(event).encode(), Err(InvalidFrame::Event));
    }
    let retry = Frame {
        retry: Some(Duration::MAX),
        ..Frame::new("")
    };
    assert_eq!(retry.encode(), Err(InvalidFrame::Retry));
}

#[test]
fn data_cannot_inject_a_field_or_a_frame() {
    let frame = Frame::new("a\r\nid: 9\rdata: x\n\nevent: y");
    let (found, decoder) = decode(&[frame.encode().expect("data holds anything").as_bytes()]);
    assert_eq!(found, [data("a\nid: 9\ndata: x\n\nevent: y")]);
    assert_eq!(decoder.last_event_id(), "");
    let (found, _) = decode(&[encode_comment("a\ndata: b").as_bytes()]);
    assert_eq!(
        found,
        [
            Decoded::Comment("a".to_owned()),
            Decoded::Comment("data: b".to_owned())
        ]
    );
}

#[test]
fn event_frame_has_the_documented_layout() {
    assert_eq!(
        encode_event(EventSeq::new(7), EventType::ToolUse, "{\"a\":1}"),
        "id: 7\nevent: tool_use\ndata: {\"a\":1}\n\n"
    );
    let gap = StreamItem::Gap(Gap {
        from_seq: EventSeq::new(1),
        earliest_seq: EventSeq::new(9),
    });
    let text = encode_item(&gap).expect("a gap has JSON");
    assert_eq!(
        text,
        "event: gap\ndata: {\"type\":\"gap\",\"from_seq\":1,\"earliest_seq\":9}\n\n"
    );
}

#[test]
fn invalid_frame_error_names_the_cause() {
    let frame = |id: Option<&str>, event: &str, data: &str| Frame {
        id: id.map(str::to_owned),
        event: Some(event.to_owned()),
        ..Frame::new(data)
    };
    let thought = r#"{"seq":3,"type":"thought","ts":"2026-01-31T12:00:00Z","sessionId":"01KG2X3Y4Z5A6B7C8D9EAFBGCH","thought":"hm"}"#;
    assert!(matches!(
        decode_item(&frame(Some("3"), "thought", thought)),
        Ok(StreamItem::Event(_))
    ));
    for (frame, expected) in [
        (
            frame(None, "pty", "{}"),
            "`pty` is not an event of a session's stream",
        ),
        (
            frame(Some("1"), "thought", "{"),
            "the data of a `thought` frame is not that event",
        ),
        (
            frame(None, "gap", "{\"type\":\"note\"}"),
            "the data of a `gap` frame is not that event",
        ),
        (
            frame(Some("4"), "thought", thought),
            "a `thought` frame with the id Some(\"4\") carries a `thought` event with the seq 3",
        ),
        (
            frame(None, "thought", thought),
            "a `thought` frame with the id None carries a `thought` event with the seq 3",
        ),
        (
            frame(Some("3"), "log", thought),
            "a `log` frame with the id Some(\"3\") carries a `thought` event with the seq 3",
        ),
    ] {
        let error = decode_item(&frame).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}
