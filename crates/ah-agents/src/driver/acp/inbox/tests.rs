use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Returns a short form of each piece.
fn pieces(lines: &[&[u8]]) -> Vec<String> {
    let mut inbox = Inbox::default();
    let mut pieces: Vec<InboxPiece> = lines.iter().flat_map(|line| inbox.line(line)).collect();
    pieces.extend(inbox.flush());
    pieces.iter().map(in_words).collect()
}

fn in_words(piece: &InboxPiece) -> String {
    match piece {
        InboxPiece::Message(Incoming::Notification { method, .. }) => {
            format!("notification {method}")
        }
        InboxPiece::Message(Incoming::Request { id, method, .. }) => {
            format!("request {id} {method}")
        }
        InboxPiece::Message(Incoming::Response { id, outcome }) => match outcome {
            Ok(result) => format!("result {id} {result}"),
            Err(error) => format!("error {id} {}", error.message),
        },
        InboxPiece::Unreadable(it) => format!(
            "unreadable {} {}",
            if it.has_method { "request" } else { "answer" },
            it.id.as_ref().map_or("-".to_owned(), Value::to_string)
        ),
        InboxPiece::Junk(text) => format!("junk {}", text.trim()),
    }
}

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":3,"result":{}}"#;
const UPDATE: &str = r#"{"jsonrpc":"2.0","method":"session/update","params":{}}"#;

#[test]
fn messages_are_found_among_other_output() {
    let answer = "result 3 {}";
    let update = "notification session/update";
    for (line, expected) in [
        (ANSWER.to_owned(), vec![answer]),
        (format!("\u{feff}{ANSWER}\r"), vec![answer]),
        (format!("\u{1b}]0;working\u{7}{ANSWER}"), vec![answer]),
        (format!("\u{1b}]0;working\u{1b}\\{ANSWER}"), vec![answer]),
        (format!("\u{1b}[2K\u{1b}[1G{ANSWER}\u{1b}[0m"), vec![answer]),
        (format!("\u{1b}[?25l\u{1b}7{ANSWER}"), vec![answer]),
        (format!("{UPDATE}{ANSWER}"), vec![update, answer]),
        (format!("{UPDATE} \t{ANSWER}"), vec![update, answer]),
        (format!("[{UPDATE},{ANSWER}]"), vec![update, answer]),
        (
            format!("progress 10%\r{ANSWER}"),
            vec!["junk progress 10%", answer],
        ),
        (
            format!("[INFO] {{x}} {ANSWER} done"),
            vec!["junk [INFO] {x}", answer, "junk done"],
        ),
        (format!("\0\0{ANSWER}"), vec![answer]),
        // Without the name of the protocol, text before an object makes it a line of a log.
        (
            r#"got {"id":3,"result":{}}"#.to_owned(),
            vec![r#"junk got {"id":3,"result":{}}"#],
        ),
        (
            r#"{"level":"error","error":"disk"}"#.to_owned(),
            vec![r#"junk {"level":"error","error":"disk"}"#],
        ),
        ("\u{1b}[0m".to_owned(), vec![]),
        ("plain".to_owned(), vec!["junk plain"]),
    ] {
        assert_eq!(pieces(&[line.as_bytes()]), expected, "{line:?}");
    }
}

#[test]
fn invalid_text_is_replaced() {
    let mut line = br#"{"jsonrpc":"2.0","id":3,"result":{"a":"caf"#.to_vec();
    line.extend(b"\xe9 \xff\xfe");
    line.extend(br#""}}"#);
    assert_eq!(
        pieces(&[&line]),
        ["result 3 {\"a\":\"caf\u{fffd} \u{fffd}\u{fffd}\"}"]
    );
}

#[test]
fn incomplete_messages_are_identified_by_kind_and_id() {
    for (line, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_t"#.to_owned(),
            vec!["unreadable answer 3"],
        ),
        (
            r#"{"jsonrpc":"2.0","id":"q","method":"m","params":{"a": @@}}"#.to_owned(),
            vec!["unreadable request \"q\""],
        ),
        (
            r#"{"jsonrpc":"2.0","method":"m","params":{"a": @@},"id":7}"#.to_owned(),
            vec!["unreadable request 7"],
        ),
        (
            format!(r#"{{"jsonrpc":"2.0","id":8,"method":"m","par{ANSWER}"#),
            vec!["unreadable request 8", "result 3 {}"],
        ),
        (
            r#"{"jsonrpc":"2.0","method":7,"id":9}"#.to_owned(),
            vec!["unreadable request 9"],
        ),
        (r#"{"half": "#.to_owned(), vec![r#"junk {"half":"#]),
    ] {
        assert_eq!(pieces(&[line.as_bytes()]), expected, "{line}");
    }
}

#[test]
fn a_message_on_several_lines_is_read_as_one() {
    let pretty = serde_json::to_string_pretty(&json!({
        "jsonrpc": "2.0", "id": 3, "result": {"list": [{"a": 1}, {}], "text": "x"},
    }))
    .unwrap();
    let lines: Vec<&[u8]> = pretty.lines().map(str::as_bytes).collect();
    assert_eq!(
        pieces(&lines),
        [r#"result 3 {"list":[{"a":1},{}],"text":"x"}"#]
    );
    // A message of its own ends one that was never completed.
    let mut cut = lines[..4].to_vec();
    cut.push(UPDATE.as_bytes());
    assert_eq!(
        pieces(&cut),
        ["unreadable answer 3", "notification session/update"]
    );
    let mut broken = lines[..2].to_vec();
    broken.push(b"Warning: slow");
    assert_eq!(pieces(&broken).len(), 1, "{:?}", pieces(&broken));
}

proptest! {
    #[test]
    fn any_lines_are_read_without_harm(
        lines in prop::collection::vec(any::<Vec<u8>>(), 0..5),
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        pieces(&lines);
    }

    /// A message survives whatever escape sequences surround it.
    #[test]
    fn a_message_is_found_after_escape_sequences(
        before in "(\u{1b}\\[[0-9;]{0,4}[A-Za-z]|\u{1b}\\][0-9];[a-z ]{0,5}\u{7}|\u{feff}|\r){0,6}",
        after in "(\u{1b}\\[[0-9;]{0,4}[A-Za-z]|\r){0,3}",
    ) {
        let line = format!("{before}{ANSWER}{after}");
        prop_assert_eq!(pieces(&[line.as_bytes()]), ["result 3 {}"]);
    }
}
