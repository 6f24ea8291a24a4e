//! Tests of the validation of tasks, by field.

use std::collections::BTreeMap;

use ah_rest_api_contract::*;
use proptest::prelude::*;
use serde_json::json;

use crate::strategies::create_task;

fn valid_task() -> CreateTask {
    CreateTask::new(
        "Fix it",
        RepoConfig::git("https://example.org/a.git"),
        "scenario",
    )
}

/// Returns the invalid fields of a valid task after `change`.
fn at_fault(change: impl FnOnce(&mut CreateTask)) -> Vec<String> {
    let mut task = valid_task();
    change(&mut task);
    match TaskLaunchParams::try_from(task) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|(field, _)| field.to_owned()).collect(),
    }
}

#[test]
fn a_plain_task_may_be_launched() {
    let params = TaskLaunchParams::try_from(valid_task()).expect("nothing is wrong");
    assert!(matches!(params.source(), Some(RepositorySource::Url(_))));
    let empty = TaskLaunchParams::builder("Do it", RepoConfig::none(), "scenario")
        .with(|task| task.interactive = true)
        .build()
        .expect("nothing is wrong");
    assert!(empty.source().is_none() && empty.request().interactive);
}

type Mutation = fn(&mut CreateTask);

#[test]
fn each_rule_names_its_field() {
    let cases: [(&str, Mutation); 40] = [
        ("prompt", |task| task.prompt = "".into()),
        ("prompt", |task| task.prompt = "do\0it".into()),
        ("agents[0].model", |task| {
            task.agents[0].model = Some("a\0b".to_owned());
        }),
        ("agents[0].version", |task| {
            task.agents[0].version = Some("1\n2".to_owned());
        }),
        ("env", |task| {
            let value = "x".repeat(32 * 1024);
            task.env = (0..9).map(|n| (format!("V{n}"), value.clone())).collect();
        }),
        ("prompt", |task| task.prompt = " \n\t".into()),
        ("prompt", |task| {
            task.prompt = PromptContent::new(Vec::new());
        }),
        ("prompt", |task| {
            task.prompt = "x".repeat(256 * 1024 + 1).into();
        }),
        ("prompt[1]", |task| {
            task.prompt = PromptContent::new(vec![
                ContentBlock::text("look"),
                ContentBlock::Image {
                    uri: None,
                    data: None,
                    mime_type: None,
                },
            ]);
        }),
        ("prompt[0].mimeType", |task| {
            task.prompt = PromptContent::new(vec![ContentBlock::Image {
                uri: None,
                data: Some("AA==".to_owned()),
                mime_type: None,
            }]);
        }),
        ("repo.url", |task| task.repo.url = None),
        ("repo.url", |task| {
            task.repo.url = Some("ext::sh".to_owned());
        }),
        ("repo.branch", |task| {
            task.repo.branch = Some("a..b".to_owned());
        }),
        ("repo.branch", |task| {
            task.repo.branch = Some("-x".to_owned());
        }),
        ("repo.branch", |task| task.repo.branch = Some(String::new())),
        ("repo.branch", |task| {
            task.repo.branch = Some("a/.b".to_owned());
        }),
        ("repo.branch", |task| {
            task.repo.branch = Some("a.lock/b".to_owned());
        }),
        ("repo.commit", |task| {
            task.repo.commit = Some("HEAD".to_owned());
        }),
        ("repo.commit", |task| {
            task.repo.commit = Some("abc".to_owned());
        }),
        ("agents", |task| task.agents.clear()),
        ("agents", |task| {
            task.agents = vec![AgentSelection::new("a"); 33];
        }),
        ("agents", |task| {
            task.agents = vec![
                AgentSelection {
                    count: 100,
                    ..AgentSelection::new("a")
                };
                3
            ];
        }),
        ("agents[1].count", |task| {
            task.agents.push(AgentSelection {
                count: 0,
                ..AgentSelection::new("a")
            });
        }),
        ("agents[0].count", |task| task.agents[0].count = 101),
        ("agents[0].version", |task| {
            task.agents[0].version = Some("1\n2".to_owned());
        }),
        ("agents[0].model", |task| {
            task.agents[0].model = Some("x".repeat(129));
        }),
        ("agents[0].settings", |task| {
            task.agents[0]
                .settings
                .insert("scenario".to_owned(), "x".repeat(1024 * 1024).into());
        }),
        ("tenantId", |task| task.tenant_id = Some(String::new())),
        ("projectId", |task| task.project_id = Some("x".repeat(129))),
        ("labels", |task| {
            task.labels = BTreeMap::from([("a b".to_owned(), String::new())]);
        }),
        ("timeoutMs", |task| task.timeout_ms = Some(0)),
        ("idleTimeoutMs", |task| {
            task.idle_timeout_ms = Some(7 * 24 * 3600 * 1000 + 1);
        }),
        ("permissions.onTimeout", |task| {
            task.permissions.on_timeout = PermissionAction::Ask;
        }),
        ("permissions.timeoutMs", |task| {
            task.permissions.timeout_ms = 999;
        }),
        ("runtime.devcontainerPath", |task| {
            task.runtime.devcontainer_path = Some(String::new());
        }),
        ("runtime.resources.cpu", |task| {
            task.runtime.resources = Some(RuntimeResources {
                cpu: Some(0),
                memory_mib: None,
            });
        }),
        ("workspace.snapshotPreference", |task| {
            task.workspace = Some(WorkspaceConfig {
                snapshot_preference: vec!["a b".to_owned()],
                execution_host_id: None,
            });
        }),
        ("delivery.targetBranch", |task| {
            task.delivery = Some(WorkDelivery {
                mode: WorkDeliveryMode::Branch,
                target_branch: Some("-x".to_owned()),
            });
        }),
        ("webhooks[0].url", |task| {
            task.webhooks = vec![WebhookRequest {
                event: "session.completed".to_owned(),
                url: String::new(),
            }];
        }),
        ("env", |task| {
            task.env = BTreeMap::from([("A=B".to_owned(), String::new())]);
        }),
    ];
    for (index, (field, change)) in cases.into_iter().enumerate() {
        assert_eq!(at_fault(change), [field], "case {index}");
    }
    let rule = |path: &str| PermissionRule {
        tool: None,
        path: Some(path.to_owned()),
        action: PermissionAction::Deny,
    };
    assert_eq!(
        at_fault(|task| task.permissions.rules = vec![rule("a[")]),
        ["permissions.rules[0].path"]
    );
    assert_eq!(
        at_fault(|task| task.permissions.rules = vec![rule("a"); 101]),
        ["permissions.rules"]
    );
}

#[test]
fn bounds_are_inclusive() {
    let edge = |change: Mutation| assert_eq!(at_fault(change), Vec::<String>::new());
    edge(|task| task.prompt = "x".repeat(256 * 1024).into());
    edge(|task| {
        task.agents = vec![
            AgentSelection {
                count: 100,
                ..AgentSelection::new("a")
            };
            2
        ];
    });
    edge(|task| task.timeout_ms = Some(1));
    edge(|task| task.idle_timeout_ms = Some(7 * 24 * 3600 * 1000));
    edge(|task| task.permissions.timeout_ms = 1000);
    edge(|task| task.permissions.timeout_ms = 24 * 3600 * 1000);
    edge(|task| task.repo.commit = Some("abcd".to_owned()));
    edge(|task| task.repo.branch = Some("feature/a.b_c-d".to_owned()));
    edge(|task| task.labels = BTreeMap::from([("team/a".to_owned(), "x".repeat(256))]));
}

#[test]
fn all_errors_are_reported_at_once() {
    let faults = at_fault(|task| {
        task.prompt = "".into();
        task.repo.url = None;
        task.agents[0].count = 0;
        task.timeout_ms = Some(0);
    });
    assert_eq!(
        faults,
        ["agents[0].count", "prompt", "repo.url", "timeoutMs"]
    );
}

#[test]
fn unknown_fields_are_rejected_by_name() {
    let body = || {
        json!({
            "prompt": "x",
            "repo": {"mode": "none"},
            "agents": [{"type": "scenario"}],
        })
    };
    serde_json::from_value::<CreateTask>(body()).expect("the least a task needs");
    for (pointer, name) in [
        ("", "timeout_ms"),
        ("/repo", "uri"),
        ("/agents/0", "instances"),
    ] {
        let mut body = body();
        body.pointer_mut(pointer).expect("it is there")[name] = 1.into();
        let error = serde_json::from_value::<CreateTask>(body)
            .expect_err(name)
            .to_string();
        assert!(
            error.contains(&format!("unknown field `{name}`")),
            "{error}"
        );
    }
    for (pointer, name, value) in [
        ("", "runtime", json!({"type": "local", "image": "x"})),
        ("", "permissions", json!({"rule": []})),
    ] {
        let mut body = body();
        body.pointer_mut(pointer).expect("it is there")[name] = value;
        let error = serde_json::from_value::<CreateTask>(body)
            .expect_err(name)
            .to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
    let error = serde_json::from_value::<PromptRequest>(json!({"prompt": "x", "message": "y"}))
        .expect_err("no such field")
        .to_string();
    assert!(error.contains("`message`"), "{error}");
}

#[test]
fn a_prompt_is_text_or_blocks() {
    let read = |value| serde_json::from_value::<PromptContent>(value);
    let text = read(json!("hello")).expect("text");
    assert_eq!(text, PromptContent::from("hello"));
    assert_eq!(
        read(json!([{"type": "text", "text": "hello"}])).expect("blocks"),
        text
    );
    assert_eq!(
        serde_json::to_value(&text).expect("JSON"),
        json!([{"type": "text", "text": "hello"}])
    );
    for bad in [
        json!(1),
        json!({"type": "text", "text": "x"}),
        json!([{"type": "film"}]),
        json!(null),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
    let many = PromptContent::new(vec![ContentBlock::text("a"), ContentBlock::text("b")]);
    assert_eq!((many.text().as_str(), many.size_bytes()), ("a\nb", 2));
}

#[test]
fn a_prompt_to_a_running_session_is_bounded() {
    let at = |bytes: usize| PromptRequest::queued("x".repeat(bytes)).validated();
    assert!(at(PROMPT_BYTES_MAX).is_ok());
    assert_eq!(
        at(PROMPT_BYTES_MAX + 1).expect_err("too large").kind(),
        ErrorKind::PayloadTooLarge
    );
    let error = at(0).expect_err("empty");
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.problem().errors.get("prompt"), ["must not be empty"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn validation_never_panics_and_preserves_accepted_values(task in create_task()) {
        match TaskLaunchParams::try_from(task.clone()) {
            Ok(params) => prop_assert_eq!(params.request(), &task),
            Err(errors) => prop_assert!(!errors.is_empty() && !errors.to_string().is_empty()),
        }
    }
}

#[test]
fn reserved_words_are_rejected_as_unknown() {
    let task = |repo: &str, runtime: &str| {
        let json = format!(
            r#"{{"prompt": "x", "repo": {{"mode": "{repo}"}}, "runtime": {{"type": "{runtime}"}},
                "agents": [{{"type": "scenario"}}]}}"#
        );
        serde_json::from_str::<CreateTask>(&json).map_err(|error| error.to_string())
    };
    assert!(task("none", "local").is_ok());
    for (repo, runtime, expected) in [
        (
            "archive",
            "local",
            "unknown variant `archive`, expected one of `git`, `none`, `upload`",
        ),
        (
            "unknown",
            "local",
            "unknown variant `unknown`, expected one of `git`, `none`, `upload`",
        ),
        (
            "none",
            "vm",
            "unknown variant `vm`, expected one of `local`, `devcontainer`, `disabled`",
        ),
        (
            "none",
            "unknown",
            "unknown variant `unknown`, expected one of `local`, `devcontainer`, `disabled`",
        ),
    ] {
        let error = task(repo, runtime).expect_err("a word that is not known");
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn unknown_words_of_a_response_are_rejected_in_a_request() {
    let mut task = CreateTask::new("x", RepoConfig::none(), "scenario");
    task.repo.mode = RepoMode::Unknown;
    task.runtime.runtime_type = RuntimeType::Unknown;
    task.priority = Priority::Unknown;
    let errors = TaskLaunchParams::try_from(task).expect_err("three fields are wrong");
    for field in ["repo.mode", "runtime.type", "priority"] {
        assert_eq!(errors.get(field).len(), 1, "{field}: {errors:?}");
    }
}
