//! Tests of the schemas against values: serialized values conform to their schemas without unknown
//! fields, and values that a schema rejects are rejected by deserialization.

use ah_rest_api_contract::*;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::strategies::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sent_values_match_their_schemas(
        session in session(), event in session_event(), draft in draft(), permission in permission(),
        diff in session_diff(), file in file_entry(), agent in agent(), problem in problem(),
        content in prompt_content(), id in ulid(),
    ) {
        fits(of_session(), &session);
        fits(of_event(), &event);
        fits(of_item(), &event);
        fits(of_draft(), &draft);
        fits(of_permission(), &permission);
        fits(of_diff(), &diff);
        fits(of_file(), &file);
        fits(of_agent(), &agent);
        fits(of_problem(), &problem);
        fits(of_launched(), &LaunchedTask::new(TaskId::from_ulid(id), session.id, &[]));
        let request = PageRequest::new(2, 1).expect("in range");
        fits(of_agents(), &Page::new(vec![agent], 9, request));
        fits(of_prompt(), &Prompt::new(PromptId::from_ulid(id), content, String::new(), session.created_at).with_delivery(DeliveryMode::Steer));
    }

    #[test]
    fn sent_values_outside_of_the_log_match_their_schemas(item in stream_item()) {
        let frame = sse::encode_item(&item).expect("an item");
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
        fits(of_item(), &serde_json::from_str::<Value>(data).expect("JSON"));
    }

    #[test]
    fn values_rejected_by_a_request_schema_are_rejected(body in broken(create_task())) {
        if of_create_task().validate(&body).is_err() {
            prop_assert!(taken::<CreateTask>(&body, |task| TaskLaunchParams::try_from(task).is_ok()).is_none(), "{body}");
        }
    }

    #[test]
    fn values_rejected_by_a_draft_schema_are_rejected(body in broken(draft().prop_map(|draft| draft.content))) {
        if of_draft_content().validate(&body).is_err() {
            prop_assert!(taken::<DraftContent>(&body, |_| true).is_none(), "{body}");
        } else {
            prop_assert!(taken::<DraftContent>(&body, |_| true).is_some(), "{body}");
        }
    }

    #[test]
    fn values_rejected_by_small_request_schemas_are_rejected(
        prompt in broken(prompt_content().prop_map(PromptRequest::queued)),
        resume in broken(prompt_content().prop_map(|prompt| ResumeRequest { prompt: Some(prompt) })),
        stop in broken(text().prop_map(|reason| StopRequest { reason: Some(reason) })),
        answer in broken(text().prop_map(PermissionAnswer::Select)),
    ) {
        if of_prompt_request().validate(&prompt).is_err() {
            prop_assert!(taken::<PromptRequest>(&prompt, |prompt| prompt.validated().is_ok()).is_none(), "{prompt}");
        }
        if of_resume().validate(&resume).is_err() {
            prop_assert!(taken::<ResumeRequest>(&resume, |resume| resume.validated().is_ok()).is_none(), "{resume}");
        }
        let stopped = taken::<StopRequest>(&stop, |stop| stop.validated().is_ok()).is_some();
        prop_assert_eq!(of_stop().is_valid(&stop), stopped, "{}", stop);
        let answered = taken::<PermissionAnswer>(&answer, |_| true).is_some();
        prop_assert_eq!(of_answer().is_valid(&answer), answered, "{}", answer);
    }

    #[test]
    fn ids_and_timestamps_match_their_schemas(id in ulid(), ts in timestamp(), position: u64) {
        static IDS: LazyLock<Vec<Validator>> = LazyLock::new(|| {
            ["SessionId", "TaskId", "IdempotencyKey", "Timestamp", "LogCursor"]
                .map(|name| validator(&DOCUMENT["components"]["schemas"], name))
                .into()
        });
        fits(&IDS[0], &SessionId::from_ulid(id));
        fits(&IDS[1], &TaskId::from_ulid(id));
        fits(&IDS[2], &IdempotencyKey::from_ulid(id));
        fits(&IDS[3], &ts);
        fits(&IDS[4], &LogCursor::new(position).to_string());
    }
}

/// The JSON of values of `strategy`, most with one modification.
fn broken<T: Serialize>(strategy: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Value> {
    let replacement = prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!(-1)),
        Just(json!(0)),
        Just(json!(1_u64 << 33)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("x".repeat(5000))),
        Just(json!(true)),
    ];
    (strategy, any::<prop::sample::Index>(), replacement, 0..3_u8)
        .prop_map(|(value, place, replacement, change)| {
            let mut json = serde_json::to_value(&value).expect("JSON");
            let mut places = Vec::new();
            collect_places(&json, &mut Vec::new(), &mut places);
            let path = place.get(&places).clone();
            alter(&mut json, &path, replacement, change);
            json
        })
        .boxed()
}

fn collect_places(value: &Value, path: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
    places.push(path.clone());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        path.push(name);
        collect_places(child, path, places);
        path.pop();
    }
}

/// Replaces the value at `path`, adds an unknown field to it, or changes nothing.
fn alter(json: &mut Value, path: &[String], replacement: Value, change: u8) {
    let target = path.iter().try_fold(json, |value, name| match value {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => name.parse::<usize>().ok().and_then(|i| items.get_mut(i)),
        _ => None,
    });
    match (target, change) {
        (Some(target), 0) => *target = replacement,
        (Some(Value::Object(fields)), 1) => {
            fields.insert("unknown".to_owned(), replacement);
        }
        _ => {}
    }
}

/// Texts of the characters that a rule is about.
fn texts_of(characters: &'static str) -> impl Strategy<Value = String> {
    let characters: Vec<char> = characters.chars().collect();
    prop::collection::vec(prop::sample::select(characters), 0..8)
        .prop_map(|characters| characters.into_iter().collect())
}

fn with_repo(branch: &str) -> Value {
    json!({
        "prompt": "x", "agents": [{"type": "scenario"}],
        "repo": {"mode": "git", "url": "/a", "branch": branch},
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn branch_pattern_matches_validation(branch in texts_of("a.lock/@{-~ \u{7f}\u{85}")) {
        let body = with_repo(&branch);
        let judged = taken::<CreateTask>(&body, |task| TaskLaunchParams::try_from(task).is_ok());
        prop_assert_eq!(of_create_task().is_valid(&body), judged.is_some(), "{}", body);
    }

    #[test]
    fn path_pattern_matches_validation(files in texts_of("a./,\\")) {
        let schema = json!({"type": "string", "pattern": PATHS.as_str()});
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let params = DiffParams { files: Some(files.clone()), ..DiffParams::default() };
        prop_assert_eq!(validator.is_valid(&json!(files)), DiffQuery::try_from(params).is_ok(), "{}", files);
    }

    #[test]
    fn prompt_pattern_matches_validation(
        prompt in texts_of("a \t\u{b}\u{1c}\u{85}\u{a0}\u{180e}\u{2003}\u{200b}\u{3000}\u{feff}"),
    ) {
        for body in [json!({"prompt": prompt}), json!({"prompt": [{"type": "text", "text": prompt}]})] {
            let judged = taken::<PromptRequest>(&body, |request| request.validated().is_ok());
            prop_assert_eq!(of_prompt_request().is_valid(&body), judged.is_some(), "{}", body);
        }
    }
}

static PATHS: LazyLock<String> = LazyLock::new(|| {
    let parameters = <DiffParams as utoipa::IntoParams>::into_params(|| None);
    let parameters = serde_json::to_value(parameters).expect("JSON");
    let files = parameters.as_array().into_iter().flatten();
    let files = files.filter(|parameter| parameter["name"] == "files");
    let pattern = files
        .map(|parameter| parameter["schema"]["pattern"].clone())
        .next();
    pattern
        .as_ref()
        .and_then(Value::as_str)
        .expect("a pattern")
        .to_owned()
});

#[test]
fn prompt_validation_matches_its_schema() {
    let cases = [
        (json!([{"type": "image"}]), false),
        (json!([{"type": "image", "uri": null, "data": null}]), false),
        (json!([{"type": "image", "uri": "a"}]), true),
        (
            json!([{"type": "image", "uri": "a", "mimeType": null, "data": null}]),
            true,
        ),
        (json!([{"type": "image", "data": "aa=="}]), false),
        (
            json!([{"type": "image", "uri": "a", "data": "aa=="}]),
            false,
        ),
        (
            json!([{"type": "image", "uri": null, "data": "aa==", "mimeType": "image/png"}]),
            true,
        ),
        (
            json!([{"type": "image", "uri": "a", "data": "aa==", "mimeType": "image/png"}]),
            true,
        ),
        (
            json!([{"type": "text", "text": " "}, {"type": "image", "uri": "a"}]),
            true,
        ),
        (
            json!([{"type": "text", "text": " "}, {"type": "text", "text": "\n"}]),
            false,
        ),
        (
            json!([{"type": "resource_link", "uri": "", "name": "", "size": 2.0}]),
            true,
        ),
        (
            json!([{"type": "resource_link", "uri": "", "name": "", "size": 2.5}]),
            false,
        ),
        (
            json!([{"type": "resource_link", "uri": "", "name": "", "size": u64::MAX}]),
            true,
        ),
        (
            json!([{"type": "resource_link", "uri": "", "name": "", "size": 1e20}]),
            false,
        ),
        (
            json!([{"type": "resource_link", "uri": "", "name": "", "size": -1}]),
            false,
        ),
    ];
    for (prompt, good) in cases {
        let body = json!({"prompt": prompt});
        let judged = taken::<PromptRequest>(&body, |request| request.validated().is_ok());
        let outcome = (of_prompt_request().is_valid(&body), judged.is_some());
        assert_eq!(outcome, (good, good), "{body} (schema, judged)");
    }
}

#[test]
fn schema_bounds_are_enforced_at_their_edges() {
    let task = |change: &dyn Fn(&mut Value)| {
        let task = CreateTask::new("Fix it", RepoConfig::git("/a"), "scenario");
        let mut body = serde_json::to_value(task).expect("JSON");
        change(&mut body);
        let judged = taken::<CreateTask>(&body, |task| TaskLaunchParams::try_from(task).is_ok());
        (of_create_task().is_valid(&body), judged.is_some())
    };
    let labels = |count: usize| -> Map<String, Value> {
        (0..count).map(|n| (format!("k{n}"), json!("v"))).collect()
    };
    let agent = json!({"type": "scenario"});
    let cases: Vec<(&str, Value, bool)> = vec![
        ("/agents", json!([]), false),
        ("/agents", Value::Array(vec![agent.clone(); 32]), true),
        ("/agents", Value::Array(vec![agent; 33]), false),
        ("/agents/0/count", json!(0), false),
        ("/agents/0/count", json!(1), true),
        ("/agents/0/count", json!(100), true),
        ("/agents/0/count", json!(101), false),
        ("/agents/0/count", json!(2.0), true),
        ("/agents/0/count", json!(2.5), false),
        ("/timeoutMs", json!(630.0), true),
        ("/repo", json!({"mode": "git"}), false),
        ("/repo", json!({"mode": "git", "url": null}), false),
        ("/repo", json!({"mode": "git", "url": ""}), false),
        ("/repo", json!({"mode": "git", "url": "a/b"}), false),
        ("/repo", json!({"mode": "git", "url": "git@host:a/b"}), true),
        ("/repo", json!({"mode": "none", "url": null}), true),
        ("/agents/0/version", json!(""), true),
        ("/agents/0/version", json!("latest"), true),
        ("/agents/0/version", json!("é".repeat(64)), true),
        ("/agents/0/version", json!("é".repeat(65)), false),
        ("/agents/0/model", json!("x".repeat(128)), true),
        ("/agents/0/model", json!("x".repeat(129)), false),
        ("/agents/0/settings", json!([]), false),
        ("/tenantId", json!(""), false),
        ("/projectId", json!("x".repeat(129)), false),
        ("/labels", json!(labels(64)), true),
        ("/labels", json!(labels(65)), false),
        ("/labels", json!({"": "v"}), false),
        ("/labels", json!({"a b": "v"}), false),
        ("/labels", json!({"a/b._-": "v".repeat(256)}), true),
        ("/labels", json!({"a": "é".repeat(256)}), true),
        ("/labels", json!({"a": "v".repeat(257)}), false),
        ("/env", json!({"A_1": ""}), true),
        ("/env", json!({"1A": ""}), false),
        ("/env", json!({"A": "\0"}), false),
        ("/env", json!({"A": "v".repeat(32 * 1024 + 1)}), false),
        ("/timeoutMs", json!(0), false),
        ("/timeoutMs", json!(604_800_000), true),
        ("/timeoutMs", json!(604_800_001), false),
        ("/idleTimeoutMs", json!(-1), false),
        ("/repo/commit", json!("abc"), false),
        ("/repo/commit", json!("ABCdef01"), true),
        ("/repo/commit", json!("x".repeat(8)), false),
        ("/repo/branch", json!("x".repeat(245)), false),
        ("/permissions", json!("allow"), true),
        ("/permissions", json!("yes"), false),
        ("/permissions", json!({}), true),
        ("/permissions", json!({"onTimeout": "ask"}), false),
        ("/permissions", json!({"timeoutMs": 999}), false),
        ("/permissions", json!({"timeoutMs": 86_400_000}), true),
        ("/permissions", json!({"timeoutMs": 86_400_001}), false),
        (
            "/permissions",
            json!({"rules": [{"tool": "", "action": "deny"}]}),
            false,
        ),
        (
            "/permissions",
            json!({"rules": [{"path": "x".repeat(257), "action": "deny"}]}),
            false,
        ),
        (
            "/permissions",
            json!({"rules": vec![json!({"action": "deny"}); 101]}),
            false,
        ),
        ("/prompt", json!(""), false),
        ("/prompt", json!([]), false),
        ("/prompt", json!([{"type": "text", "text": "x"}]), true),
        ("/prompt", Value::Null, false),
        ("/priority", Value::Null, false),
    ];
    for (place, value, good) in cases {
        let outcome = task(&|body| match body.pointer_mut(place) {
            Some(field) => *field = value.clone(),
            None => {
                let (parent, name) = place.rsplit_once('/').expect("a place");
                body.pointer_mut(parent).expect("an object")[name] = value.clone();
            }
        });
        assert_eq!(outcome, (good, good), "{place}: {value} (schema, judged)");
    }
}
