//! Reading logs: live, from any cursor, and in pages.

use std::sync::Arc;

use ah_rest_api_contract::{
    Activity, AllEventsQuery, EphemeralEvent, ErrorKind, EventFilter, EventPayload, EventQuery,
    EventSeq, EventStream, EventType, LogCursor, LogLevel, PageRequest, PermissionAnswer,
    PromptRequest, Session, SessionEvent, SessionId, SessionStatus as S, SortOrder, StreamItem,
    TaskManager,
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::World;
use crate::script::{
    ask, edit, hang, log, next_turn, say, say_in_pieces, tell_answer, think, usage,
};
use crate::world::{LOOK_AGAIN, PAGES_MAX, bounded, read_all, read_to_end, statuses, thoughts};

/// Returns a timeline with every kind of event.
fn variety() -> Value {
    json!([
        think("one"),
        log("debug", "quiet"),
        edit("a.md", 3, 0),
        log("error", "loud"),
        think("two"),
        usage(5, 7),
        say("done"),
    ])
}

async fn answer(world: &World, id: SessionId, option: &str) {
    let asked = world
        .manager()
        .list_permissions(id, PageRequest::largest())
        .await;
    let asked = asked.expect("the session is known").items.remove(0);
    let answer = PermissionAnswer::Select(option.to_owned());
    let request = asked.request.request_id;
    let answered = world.manager().answer_permission(id, request, answer).await;
    answered.expect("the request waits");
}

/// From any cursor, a reader receives every later event once and in order.
pub async fn every_cursor_yields_the_remaining_events_once(world: &World) {
    let id = world.launch(variety()).await;
    let log = world.whole_log(id).await;
    statuses(&log);
    for (at, event) in log.iter().enumerate() {
        let filter = EventFilter::default();
        assert_eq!(world.read(id, event.seq, filter).await, log[at + 1..]);
    }
}

/// Readers that attach to a running session receive history and live events without a gap.
pub async fn readers_that_join_during_a_session_see_every_event(world: &World) {
    let id = world
        .launch(json!([think("one"), ask(), tell_answer(), think("two")]))
        .await;
    #[expect(clippy::disallowed_methods, reason = "the case joins all readers")]
    let read = |after| {
        let filter = EventFilter::default();
        tokio::spawn(read_all(world.shared(), id, EventSeq::new(after), filter))
    };
    let mut readers = vec![(0, read(0)), (1, read(1))];
    let so_far = world.until_asked(id).await.len() as u64;
    readers.extend([0, so_far - 1, so_far].map(|after| (after, read(after))));
    answer(world, id, "allow").await;
    let log = world.whole_log(id).await;
    assert_eq!(thoughts(&log), ["one", "granted", "two"]);
    for (after, reader) in readers {
        let seen = reader.await.expect("the reader reads to the end");
        let after = usize::try_from(after).expect("logs are short");
        assert_eq!(seen, log[after..], "after {after}");
    }
}

/// A reader that resumes from its last cursor misses nothing and receives nothing twice.
pub async fn reader_resumes_at_its_cursor(world: &World) {
    let id = world.launch(variety()).await;
    let log = world.whole_log(id).await;
    let mut cursor = EventSeq::START;
    let mut seen: Vec<SessionEvent> = Vec::new();
    while cursor < log[log.len() - 1].seq {
        let filter = EventFilter::default();
        let events = world.manager().task_events_stream(id, cursor, filter).await;
        let mut events = events.expect("the session is known");
        let resumed_at = cursor;
        for _ in 0..2 {
            match bounded(events.next()).await {
                Some(Ok(StreamItem::Event(event))) => {
                    assert!(cursor < event.seq, "after {cursor}: {event:?}");
                    cursor = event.seq;
                    seen.push(event);
                }
                Some(other) => panic!("only events were asked for: {other:?}"),
                None => break,
            }
        }
        assert!(
            resumed_at < cursor,
            "the stream after {resumed_at} is empty"
        );
    }
    assert_eq!(seen, log);
}

/// A reader that attaches after the end receives the end of the stream.
pub async fn cursor_at_the_end_yields_an_ended_stream(world: &World) {
    let id = world.launch(variety()).await;
    let log = world.whole_log(id).await;
    let end = log[log.len() - 1].seq;
    let filter = EventFilter::default();
    assert_eq!(world.read(id, end, filter).await, []);
}

/// A cursor beyond the last event is refused by streams and by history. It is of another session or
/// of a lost log, and a reader would wait there for ever.
pub async fn cursor_beyond_the_end_is_refused(world: &World) {
    let ended = world.launch(variety()).await;
    let log = world.whole_log(ended).await;
    let running = world.launch(json!([ask(), hang()])).await;
    let so_far = world.until_asked(running).await;
    for (id, log) in [(ended, &log), (running, &so_far)] {
        let last = log[log.len() - 1].seq;
        for after in [EventSeq::new(last.get() + 1000), EventSeq::MAX] {
            let filter = EventFilter::default();
            let stream = world.manager().task_events_stream(id, after, filter).await;
            let error = stream.err().expect("the stream is refused");
            assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
            let query = EventQuery {
                after: Some(after),
                ..EventQuery::default()
            };
            let history = world.manager().list_events(id, query).await;
            let error = history.expect_err("the page is refused");
            assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
        }
    }
    let query = AllEventsQuery {
        after: Some(LogCursor::MAX),
        ..AllEventsQuery::default()
    };
    let stream = world.manager().all_events(query).await;
    let error = stream.err().expect("the stream is refused");
    assert_eq!(error.kind(), ErrorKind::Validation, "{error}");
}

/// Filters select events in streams and in history, and do not renumber them.
pub async fn filters_select_without_renumbering(world: &World) {
    let id = world.launch(variety()).await;
    let log = world.whole_log(id).await;
    let thoughts = EventFilter::default().with_types([EventType::Thought, EventType::Usage]);
    let loud = EventFilter::default().with_level(LogLevel::Warn);
    for (filter, expected) in [(thoughts, 3), (loud, log.len() - 1)] {
        let wanted = log.iter().filter(|event| filter.admits(&event.payload));
        let wanted: Vec<SessionEvent> = wanted.cloned().collect();
        assert_eq!(wanted.len(), expected, "{log:#?}");
        let streamed = world.read(id, EventSeq::START, filter.clone()).await;
        assert_eq!(streamed, wanted);
        let query = EventQuery {
            filter,
            sort: SortOrder::Asc,
            page: PageRequest::largest(),
            ..EventQuery::default()
        };
        let listed = world.manager().list_events(id, query).await;
        assert_eq!(listed.expect("the session is known").items, wanted);
    }
}

/// History is delivered in pages, in both directions, limited by position and time.
pub async fn history_is_paged_and_bounded(world: &World) {
    let id = world.launch(variety()).await;
    let log = world.whole_log(id).await;
    for sort in [SortOrder::Asc, SortOrder::Desc] {
        let mut expected = log.clone();
        if sort == SortOrder::Desc {
            expected.reverse();
        }
        let mut listed = Vec::new();
        let mut next = Some(1);
        while let Some(page) = next {
            let query = EventQuery {
                sort,
                page: PageRequest::new(page, 3).expect("a good page"),
                ..EventQuery::default()
            };
            let page = world.manager().list_events(id, query).await;
            let page = page.expect("the session is known");
            assert_eq!(page.total, log.len() as u64);
            assert!(page.items.len() <= 3, "a page of 3: {:?}", page.items);
            assert!(page.next_page <= Some(PAGES_MAX), "the list does not end");
            listed.extend(page.items);
            next = page.next_page;
        }
        assert_eq!(listed, expected);
    }
    let (first, last) = (&log[0], &log[log.len() - 1]);
    let between = EventQuery {
        after: Some(log[1].seq),
        before: Some(log[4].seq),
        sort: SortOrder::Asc,
        ..EventQuery::default()
    };
    let since_the_end = EventQuery {
        since: Some(last.ts.plus(std::time::Duration::from_millis(1))),
        ..EventQuery::default()
    };
    let before_the_beginning = EventQuery {
        until: Some(first.ts),
        ..EventQuery::default()
    };
    for (query, expected) in [
        (between, &log[2..4]),
        (since_the_end, &[]),
        (before_the_beginning, &[]),
    ] {
        let listed = world.manager().list_events(id, query).await;
        assert_eq!(listed.expect("the session is known").items, expected);
    }
}

/// A session contains its last thoughts, tool uses and edits while it is active, and the total
/// usage of its turns.
pub async fn session_contains_its_recent_events(world: &World) {
    let mut turns = vec![think("zero"), usage(1, 2), next_turn(), usage(10, 20)];
    turns.extend(["one", "two", "three", "four"].map(think));
    turns.extend([say("unless it is recent"), hang()]);
    let mut task = world.task(&Value::from(turns));
    task.interactive = true;
    let id = world.launch_task(task).await;
    let more = PromptRequest::queued("more");
    let prompted = world.manager().prompt_session(id, more).await;
    prompted.expect("it takes prompts");
    world.until_thought(id, "four").await;
    let session = world
        .until_session(id, |it| it.recent_events.len() == 3)
        .await;
    assert_eq!(
        recent_thoughts(&session.recent_events),
        ["two", "three", "four"]
    );
    let used = session.usage.expect("the agent told");
    assert_eq!((used.input_tokens, used.output_tokens), (11, 22));
    world.manager().cancel_session(id).await.expect("it runs");
    assert_eq!(world.session(id).await.recent_events, []);
}

/// Reads the session again and again until it has ended. Returns the states that were seen.
async fn seen_states(manager: Arc<dyn TaskManager>, id: SessionId) -> Vec<Session> {
    let mut seen: Vec<Session> = Vec::new();
    loop {
        let session = manager.get_session(id).await;
        let session = session.expect("the session is known");
        let is_over = session.status.is_terminal();
        if seen.last() != Some(&session) {
            seen.push(session);
        }
        if is_over {
            return seen;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Every state of a session follows from an earlier one and the events between them.
pub async fn session_follows_from_its_log(world: &World) {
    let turns = json!([
        think("one"),
        edit("a.md", 3, 0),
        usage(5, 7),
        ask(),
        tell_answer(),
        edit("b.md", 1, 0),
        next_turn(),
        think("more"),
        hang()
    ]);
    for is_cancelled in [false, true] {
        let mut task = world.task(&turns);
        task.interactive = true;
        let id = world.launch_task(task).await;
        #[expect(clippy::disallowed_methods, reason = "the case joins it")]
        let seen = tokio::spawn(seen_states(world.shared(), id));
        let manager = world.manager();
        world.until_asked(id).await;
        let asked = world.session(id).await;
        assert_eq!(asked.activity, Some(Activity::AwaitingPermission));
        answer(world, id, "allow").await;
        let is_idle = |it: &Session| it.activity == Some(Activity::Idle);
        let idle = world.until_session(id, is_idle).await;
        manager.pause_session(id).await.expect("it runs");
        let paused = world.until_status(id, S::Paused).await;
        let resumed = manager.resume_session(id, None).await;
        resumed.expect("it is paused");
        world.until_session(id, |it| it.status == S::Running).await;
        let more = PromptRequest::queued("more");
        let prompted = manager.prompt_session(id, more).await;
        prompted.expect("it takes prompts");
        world.until_thought(id, "more").await;
        let working = world.session(id).await;
        assert_eq!(working.activity, Some(Activity::Working));
        if is_cancelled {
            manager.cancel_session(id).await.expect("it runs");
        } else {
            manager.stop_session(id, None).await.expect("it runs");
        }
        let log = world.whole_log(id).await;
        let mut states = bounded(seen).await.expect("the states are read to the end");
        states.extend([asked, idle, paused, working, world.session(id).await]);
        let first = states[0].clone();
        for state in states {
            let mut session = first.clone();
            for event in log.iter().filter(|event| event.seq <= state.last_seq) {
                session.apply(event);
            }
            assert_eq!(session, state, "{log:#?}");
        }
    }
}

fn recent_thoughts(events: &[SessionEvent]) -> Vec<&str> {
    thoughts(events)
}

/// Ephemeral events are delivered to a live reader on request, and never in the numbered log.
pub async fn ephemeral_events_are_not_in_the_log(world: &World) {
    let timeline = json!([
        think("hm"),
        ask(),
        tell_answer(),
        say_in_pieces(&["a", "b"]),
        think("two"),
        hang(),
    ]);
    let id = world.launch(timeline).await;
    let filter = EventFilter::default().with_ephemeral();
    let stream = world
        .manager()
        .task_events_stream(id, EventSeq::START, filter)
        .await;
    let mut stream = stream.expect("the session is known");
    // The agent speaks once the reader has received everything before, and does not end by itself:
    // a reader that is behind may miss ephemeral events.
    let mut items = Vec::new();
    read_until(&mut stream, &mut items, is_permission_request).await;
    answer(world, id, "allow").await;
    read_until(&mut stream, &mut items, is_message_delta).await;
    world.until_thought(id, "two").await;
    let stopped = world.manager().stop_session(id, None).await;
    stopped.expect("a running session can be stopped");
    items.extend(read_to_end(stream).await);
    let mut events = Vec::new();
    let mut deltas = String::new();
    for item in items {
        match item {
            StreamItem::Event(event) => events.push(event),
            StreamItem::Ephemeral(EphemeralEvent::MessageDelta(it)) => {
                assert_eq!(it.offset, deltas.len() as u64, "{it:?}");
                deltas.push_str(&it.delta);
            }
            StreamItem::Ephemeral(_) => {}
            StreamItem::Gap(gap) => panic!("nothing is gone: {gap:?}"),
        }
    }
    assert!("ab".starts_with(&deltas), "{deltas}");
    assert_eq!(events, world.whole_log(id).await);
    assert_eq!(statuses(&events).last(), Some(&S::Stopped));
}

const fn is_permission_request(item: &StreamItem) -> bool {
    matches!(
        item,
        StreamItem::Event(SessionEvent {
            payload: EventPayload::PermissionRequest(_),
            ..
        })
    )
}

const fn is_message_delta(item: &StreamItem) -> bool {
    matches!(item, StreamItem::Ephemeral(EphemeralEvent::MessageDelta(_)))
}

async fn read_until(
    stream: &mut EventStream,
    items: &mut Vec<StreamItem>,
    is_awaited: fn(&StreamItem) -> bool,
) {
    while !items.last().is_some_and(is_awaited) {
        let item = bounded(stream.next()).await.expect("the session waits");
        items.push(item.expect("the stream goes on"));
    }
}
