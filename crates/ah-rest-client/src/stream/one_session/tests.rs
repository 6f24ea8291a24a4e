use ah_rest_api_contract::sse::{Decoded, Decoder, encode_item};
use ah_rest_api_contract::{
    EphemeralEvent, EventType, Log, LogLevel, MessageId, SessionStatus, StatusChange, ThoughtDelta,
    Timestamp,
};
use proptest::prelude::*;
use ulid::Ulid;

use super::*;

fn session() -> SessionId {
    "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()
}

fn place(after: u64) -> OneSession {
    OneSession::new(session(), EventSeq::new(after), EventFilter::default())
}

fn event(seq: u64, payload: EventPayload) -> SessionEvent {
    SessionEvent::new(
        EventSeq::new(seq),
        Timestamp::from_unix_millis(0),
        session(),
        payload,
    )
}

fn log(seq: u64) -> StreamItem {
    StreamItem::Event(event(
        seq,
        EventPayload::Log(Log::new(LogLevel::Info, format!("line {seq}"))),
    ))
}

fn status(seq: u64, status: SessionStatus) -> StreamItem {
    let change = StatusChange::new(status);
    StreamItem::Event(event(seq, EventPayload::Status(change)))
}

fn gap(from: u64, earliest: u64) -> StreamItem {
    StreamItem::Gap(Gap::new(EventSeq::new(from), EventSeq::new(earliest)))
}

fn frame(item: &StreamItem) -> Frame {
    let mut decoder = Decoder::new();
    decoder.push(encode_item(item).unwrap().as_bytes()).unwrap();
    match decoder.pop() {
        Some(Decoded::Frame(frame)) => frame,
        other => panic!("{other:?} is no frame"),
    }
}

fn judge(place: &mut OneSession, item: &StreamItem) -> Result<Verdict<StreamItem>, StreamFault> {
    place.judge(&frame(item))
}

proptest! {
    /// Whatever connections repeat, an unfiltered reader sees every event once, in order.
    #[test]
    fn yields_every_event_once_despite_repeats(
        last in 1..40_u64,
        from in prop::collection::vec(0.0..=1.0_f64, 0..8),
    ) {
        let mut place = place(0);
        let mut shown = Vec::new();
        // Each connection starts at or before the position, as a sloppy server might.
        for begin in from.into_iter().chain([1.0]) {
            let seen = place.seen.get();
            let begin = (begin * seen as f64) as u64;
            let end = last.min(begin + last / 2 + 1);
            for seq in begin + 1..=end {
                if let Verdict::Yield(StreamItem::Event(event)) = judge(&mut place, &log(seq)).unwrap() {
                    shown.push(event.seq.get());
                }
            }
        }
        let expected: Vec<u64> = (1..=place.seen.get()).collect();
        prop_assert_eq!(shown, expected);
    }
}

#[test]
fn ends_with_the_terminal_status_alone() {
    let mut place = place(0);
    let running = status(1, SessionStatus::Running);
    let completed = status(2, SessionStatus::Completed);
    assert_eq!(
        judge(&mut place, &running).unwrap(),
        Verdict::Yield(running)
    );
    assert_eq!(
        judge(&mut place, &completed).unwrap(),
        Verdict::Last(completed)
    );
}

#[test]
fn notices_a_missing_event() {
    let fault = judge(&mut place(3), &log(5)).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "the event stream skips from event 3 to event 5 without a gap"
    );
}

#[test]
fn filtered_events_are_not_missing() {
    for filter in [
        EventFilter::default().with_types([EventType::Log]),
        EventFilter::default().with_level(LogLevel::Warn),
    ] {
        let mut place = OneSession::new(session(), EventSeq::START, filter);
        assert_eq!(judge(&mut place, &log(5)).unwrap(), Verdict::Yield(log(5)));
        assert_eq!(judge(&mut place, &log(5)).unwrap(), Verdict::Pass);
        assert_eq!(judge(&mut place, &log(4)).unwrap(), Verdict::Pass);
    }
}

#[test]
fn reports_a_gap_once_and_continues_after_it() {
    let mut place = place(2);
    assert_eq!(
        judge(&mut place, &gap(3, 9)).unwrap(),
        Verdict::Yield(gap(3, 9))
    );
    assert_eq!(judge(&mut place, &gap(3, 9)).unwrap(), Verdict::Pass);
    assert_eq!(judge(&mut place, &log(9)).unwrap(), Verdict::Yield(log(9)));
    // A gap that the reader has partly passed starts at the reader's position.
    assert_eq!(
        judge(&mut place, &gap(5, 20)).unwrap(),
        Verdict::Yield(gap(10, 20))
    );
    assert_eq!(
        judge(&mut place, &log(20)).unwrap(),
        Verdict::Yield(log(20))
    );
}

#[test]
fn yields_ephemeral_events_only_on_request() {
    let delta = StreamItem::Ephemeral(EphemeralEvent::ThoughtDelta(ThoughtDelta::new(
        MessageId::from_ulid(Ulid::nil()),
        0,
        "hm",
    )));
    assert_eq!(judge(&mut place(0), &delta).unwrap(), Verdict::Pass);
    let filter = EventFilter::default().with_ephemeral();
    let mut place = OneSession::new(session(), EventSeq::START, filter);
    assert_eq!(judge(&mut place, &delta).unwrap(), Verdict::Yield(delta));
    assert_eq!(judge(&mut place, &log(1)).unwrap(), Verdict::Yield(log(1)));
}

#[test]
fn yields_unknown_events_in_order() {
    let mut place = place(0);
    let newer = Frame {
        id: Some("1".to_owned()),
        event: Some("teleported".to_owned()),
        ..Frame::new("{}")
    };
    assert_eq!(place.judge(&newer).unwrap(), Verdict::Pass);
    assert_eq!(judge(&mut place, &log(2)).unwrap(), Verdict::Yield(log(2)));
    let elsewhere = Frame {
        id: Some("somewhere".to_owned()),
        ..newer
    };
    assert!(matches!(place.judge(&elsewhere), Err(StreamFault::Id(_))));
}

#[test]
fn rejects_events_of_other_sessions_and_invalid_events() {
    let mut other = event(
        1,
        EventPayload::Log(Log::new(LogLevel::Info, String::new())),
    );
    other.session_id = "01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    let fault = judge(&mut place(0), &StreamItem::Event(other)).unwrap_err();
    assert!(matches!(fault, StreamFault::Session { .. }), "{fault}");

    let malformed = Frame {
        data: "{".to_owned(),
        ..frame(&log(1))
    };
    assert!(matches!(
        place(0).judge(&malformed),
        Err(StreamFault::Frame(_))
    ));
}
