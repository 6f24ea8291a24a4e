//! Tests of queries: round trips, and errors for every invalid field.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ah_rest_api_contract::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::strategies::{json_object, log_event, seq, text, timestamp, ulid};

/// Asserts that `query` survives a round trip through its wire form.
fn comes_back<Q, P>(query: &Q)
where
    Q: Clone + PartialEq + Debug + TryFrom<P, Error = FieldErrors>,
    P: From<Q>,
{
    let params = P::from(query.clone());
    assert_eq!(Q::try_from(params).as_ref(), Ok(query));
}

fn page() -> BoxedStrategy<PageRequest> {
    (1..=u32::MAX, 1..=PER_PAGE_MAX)
        .prop_map(|(page, per_page)| PageRequest::new(page, per_page).expect("in range"))
        .boxed()
}

/// Returns the part of a filter that concerns the events of logs.
fn stored(filter: &EventFilter) -> EventFilter {
    let types = filter.types().into_iter().flatten().copied();
    let stored = EventFilter::default().with_types(types);
    match filter.level() {
        Some(level) => stored.with_level(level),
        None => stored,
    }
}

fn filter() -> BoxedStrategy<EventFilter> {
    let level = prop::sample::select(vec![LogLevel::Error, LogLevel::Debug, LogLevel::Trace]);
    (
        btree_set(prop::sample::select(&EventType::ALL[..]), 0..4),
        of(level),
        any::<bool>(),
    )
        .prop_map(|(types, level, deltas)| {
            let mut filter = EventFilter::default().with_types(types);
            if let Some(level) = level {
                filter = filter.with_level(level);
            }
            if deltas {
                filter = filter.with_ephemeral();
            }
            filter
        })
        .boxed()
}

proptest! {
    #[test]
    fn session_queries_round_trip(
        statuses in vec(prop::sample::select(SessionStatus::ALL.to_vec()), 0..4),
        names in (of(text()), of(text()), of(text())),
        task in of(ulid()), include_archived: bool, page in page(),
        view in prop::sample::select(SessionView::ALL.to_vec()),
        labels in btree_map("[a-z./_-]{1,4}", "[a,:\\\\ ]{0,4}", 0..3),
        repository in of(text()), times in (of(0_i64..4_000_000_000_000), of(0_i64..4_000_000_000_000)),
    ) {
        let query = SessionQuery {
            statuses,
            agent: names.0.map(AgentType::new),
            project_id: names.1,
            tenant_id: names.2,
            task_id: task.map(TaskId::from_ulid),
            labels,
            repository,
            created_after: times.0.map(Timestamp::from_unix_millis),
            created_before: times.1.map(Timestamp::from_unix_millis),
            include_archived,
            view,
            page,
        };
        comes_back::<_, SessionParams>(&query);
    }

    #[test]
    fn event_queries_round_trip(
        filter in filter(), after in of(seq()), before in of(seq()),
        since in of(timestamp()), until in of(timestamp()), newest_first: bool, page in page(),
    ) {
        comes_back::<_, StreamParams>(&StreamQuery { after, filter: filter.clone() });
        let filter = stored(&filter);
        let sort = if newest_first { SortOrder::Desc } else { SortOrder::Asc };
        let query = EventQuery { filter, after, before, since, until, sort, page };
        prop_assert!(EventParams::from(query.clone()).asks_for_history());
        comes_back::<_, EventParams>(&query);
    }

    #[test]
    fn all_events_queries_round_trip(
        filter in filter(), after in of(any::<u64>()), sessions in btree_set(ulid(), 1..4), all: bool,
    ) {
        let sessions: BTreeSet<_> = sessions.into_iter().map(SessionId::from_ulid).collect();
        let query = AllEventsQuery {
            sessions: (!all).then_some(sessions),
            after: after.map(LogCursor::new),
            filter: stored(&filter),
        };
        comes_back::<_, AllEventsParams>(&query);
    }

    #[test]
    fn change_queries_round_trip(
        files in vec("[a,\\\\ ]{1,4}", 0..4), context in 0..=CONTEXT_LINES_MAX, whole: bool, page in page(),
    ) {
        let query = DiffQuery::new(files, context).expect("inside the workspace");
        let query = if whole { query.whole_files() } else { query };
        comes_back::<_, DiffParams>(&query);
        let statuses = vec![FileStatus::Added, FileStatus::Renamed];
        let path = PathPattern::parse("src/**/*.rs");
        comes_back::<_, FileParams>(&FileQuery { statuses, path, page });
        let statuses = vec![WorkspaceStatus::Kept, WorkspaceStatus::Active];
        comes_back::<_, WorkspaceParams>(&WorkspaceQuery { statuses, page });
        comes_back::<_, PageParams>(&page);
        let project_id = Some("one".to_owned());
        comes_back::<_, RepositoryParams>(&RepositoryQuery { tenant_id: None, project_id, page });
    }

    #[test]
    fn parsing_a_query_never_panics(fields in json_object(), word in text()) {
        let mut fields = fields;
        for name in ["status", "type", "page", "perPage", "files", "context", "since", "tail", "after", "sessions", "label"] {
            fields.insert(name.to_owned(), word.clone().into());
            let json = serde_json::Value::Object(fields.clone());
            // Most are rejected; the test requires only that none panics.
            let refused = [
                read::<SessionParams, SessionQuery>(&json).is_err(),
                read::<EventParams, EventQuery>(&json).is_err(),
                read::<LogParams, LogQuery>(&json).is_err(),
                read::<DiffParams, DiffQuery>(&json).is_err(),
                read::<AllEventsParams, AllEventsQuery>(&json).is_err(),
            ];
            prop_assert!(refused.len() == 5);
            fields.remove(name);
        }
    }

    #[test]
    fn the_tail_of_a_log_is_in_order(mut events in vec(log_event(), 0..8)) {
        events.sort_by_key(|event| event.seq);
        let query = read::<LogParams, LogQuery>(&json!({"tail": "8"})).expect("a query");
        let asked = query.events();
        prop_assert_eq!(asked.sort, SortOrder::Desc);
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        let newest_first = events.into_iter().rev().collect();
        let lines = query.in_order(newest_first);
        prop_assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), seqs);
    }
}

/// Parses a query as a server does: first the names, then the values.
fn read<P, Q>(fields: &serde_json::Value) -> Result<Q, String>
where
    P: DeserializeOwned,
    Q: TryFrom<P, Error = FieldErrors>,
{
    let params: P = serde_json::from_value(fields.clone()).map_err(|error| error.to_string())?;
    Q::try_from(params).map_err(|errors| errors.to_string())
}

fn refusal<P: DeserializeOwned, Q: TryFrom<P, Error = FieldErrors>>(
    fields: &serde_json::Value,
) -> String {
    match read::<P, Q>(fields) {
        Ok(_) => panic!("{fields} was taken"),
        Err(message) => message,
    }
}

#[test]
fn a_query_without_fields_is_the_default() {
    let none = json!({});
    assert_eq!(read::<SessionParams, _>(&none), Ok(SessionQuery::default()));
    assert_eq!(read::<EventParams, _>(&none), Ok(EventQuery::default()));
    assert_eq!(read::<StreamParams, _>(&none), Ok(StreamQuery::default()));
    assert_eq!(
        read::<AllEventsParams, _>(&none),
        Ok(AllEventsQuery::default())
    );
    assert_eq!(read::<DiffParams, _>(&none), Ok(DiffQuery::default()));
    assert_eq!(read::<FileParams, _>(&none), Ok(FileQuery::default()));
    assert_eq!(read::<PageParams, _>(&none), Ok(PageRequest::default()));
    let lines = read::<LogParams, LogQuery>(&none).expect("a query");
    assert_eq!(lines.events().sort, SortOrder::Asc);
    assert!(!EventParams::default().asks_for_history());
}

#[test]
fn every_invalid_field_is_named_with_its_rule() {
    let sessions = json!({
        "status": "running,Running,", "taskId": "x", "label": "a:1,b,a:2,c d:3", "includeArchived": "yes", "page": "0", "perPage": "-1"
    });
    let events = json!({
        "type": "status,Log", "level": "loud", "after": "-1", "before": "+1", "since": "today",
        "until": "", "sort": "up", "perPage": "1.5"
    });
    let stream = json!({"type": "status,Log", "level": "loud", "after": "-1", "deltas": "1"});
    let all = json!({"sessions": "", "after": "7", "level": "INFO"});
    let changes = json!({"files": "a,/etc/passwd,../b,", "context": "11", "full": "True"});
    let lines = json!({"tail": "0", "level": "", "since": "2026-01-31"});
    let messages = [
        refusal::<SessionParams, SessionQuery>(&sessions),
        refusal::<EventParams, EventQuery>(&events),
        refusal::<StreamParams, StreamQuery>(&stream),
        refusal::<AllEventsParams, AllEventsQuery>(&all),
        refusal::<DiffParams, DiffQuery>(&changes),
        refusal::<FileParams, FileQuery>(&json!({"status": "moved"})),
        refusal::<LogParams, LogQuery>(&lines),
        refusal::<PageParams, PageRequest>(&json!({"page": "4294967296", "perPage": "201"})),
        refusal::<PageParams, PageRequest>(&json!({"pages": "1"})),
    ]
    .map(|message| message.replace("; ", "\n"));
    insta::assert_snapshot!(messages.join("\n\n"));
}

#[test]
fn all_events_query_limits_its_sessions() {
    let list = |count: u128| {
        let ids = (0..count).map(|n| SessionId::from_ulid(ulid::Ulid(n)).to_string());
        json!({"sessions": ids.collect::<Vec<_>>().join(",")})
    };
    let most = read::<AllEventsParams, AllEventsQuery>(&list(STREAM_SESSIONS_MAX as u128));
    assert_eq!(
        most.expect("in range").sessions.map(|ids| ids.len()),
        Some(STREAM_SESSIONS_MAX)
    );
    refusal::<AllEventsParams, AllEventsQuery>(&list(STREAM_SESSIONS_MAX as u128 + 1));
}

#[test]
fn a_tail_is_the_end_of_the_log_instead_of_a_page() {
    let query = read::<LogParams, LogQuery>(&json!({"tail": "7", "page": "3", "level": "warn"}))
        .expect("a query")
        .events();
    assert_eq!((query.page.page(), query.page.per_page()), (1, 7));
    assert_eq!(query.filter, EventFilter::of_log_level(LogLevel::Warn));
    assert_eq!(query.filter.level(), Some(LogLevel::Warn));
    assert_eq!(
        query.filter.types(),
        Some(&BTreeSet::from([
            EventType::Error,
            EventType::Log,
            EventType::ToolResult
        ]))
    );
}

#[test]
fn changed_files_are_filtered_and_paged() {
    let file = |path: &str, status| FileEntry::new(path.to_owned(), status);
    let files = vec![
        file("a", FileStatus::Added),
        file("b", FileStatus::Deleted),
        file("c", FileStatus::Added),
    ];
    let query: FileQuery =
        read::<FileParams, _>(&json!({"status": "added", "page": "2", "perPage": "1"}))
            .expect("a query");
    let page = query.select(files.clone());
    assert_eq!((page.total, page.next_page), (2, None));
    assert_eq!(page.items, [files[2].clone()]);
    assert_eq!(FileQuery::default().select(files.clone()).items, files);
}

#[test]
fn patterns_select_files_within_and_across_folders() {
    let files = ["a.rs", "src/b.rs", "src/c/d.rs", "src/c/e.md"];
    let files: Vec<FileEntry> = files
        .map(|it| FileEntry::new(it.to_owned(), FileStatus::Added))
        .into();
    for (pattern, expected) in [
        ("*.rs", vec!["a.rs"]),
        ("src/*", vec!["src/b.rs"]),
        ("src/**", vec!["src/b.rs", "src/c/d.rs", "src/c/e.md"]),
        ("**/*.rs", vec!["a.rs", "src/b.rs", "src/c/d.rs"]),
        ("src/?.rs", vec!["src/b.rs"]),
        ("none", vec![]),
    ] {
        let query: FileQuery =
            read::<FileParams, _>(&json!({ "path": pattern })).expect("a pattern");
        let found = query.select(files.clone());
        let found: Vec<&str> = found.items.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(found, expected, "{pattern}");
    }
    for wrong in ["", "[a", &"a".repeat(1025)] {
        let refused = refusal::<FileParams, FileQuery>(&json!({ "path": wrong }));
        assert!(refused.contains("must be a pattern for paths"), "{refused}");
    }
}

#[test]
fn address_of_a_file_selects_it() {
    let path = "src/a, b & c.txt";
    let address = DiffQuery::address_of_file("/diff", path);
    assert_eq!(address, "/diff?files=src%2Fa%5C%2C%20b%20%26%20c%2Etxt");
    let files = percent_encoding::percent_decode_str(address.rsplit('=').next().expect("a value"));
    let files = files.decode_utf8().expect("UTF-8");
    let query: DiffQuery = read::<DiffParams, _>(&json!({ "files": files })).expect("a query");
    assert_eq!(query.files(), [path]);
}
