use PermissionAction::{Allow, Ask, Deny};
use serde_json::{Value, json};

use super::*;

const WORKSPACE: &str = "/srv/ws-1";

fn rule(tool: Option<&str>, path: Option<&str>, action: PermissionAction) -> PermissionRule {
    PermissionRule {
        tool: tool.map(str::to_owned),
        path: path.map(str::to_owned),
        action,
    }
}

fn policy(default: PermissionAction, rules: &[PermissionRule]) -> PermissionPolicy {
    PermissionPolicy {
        rules: rules.to_vec(),
        ..PermissionPolicy::without_rules(default)
    }
}

fn subject(args: &Value) -> PermissionSubject {
    let args = args.as_object().expect("arguments are an object");
    PermissionSubject::of_tool("edit", args, WORKSPACE)
}

/// Spellings of a path that mean, or may mean, `secrets/key`.
const SECRET: [&str; 24] = [
    "secrets/key",
    "./secrets/key",
    "././secrets/key",
    "secrets/./key",
    "secrets//key",
    ".//secrets/key",
    "secrets/key/",
    "/srv/ws-1/secrets/key",
    "//srv/ws-1//secrets/./key",
    "/srv/./ws-1/secrets/key",
    "src/../secrets/key",
    "/srv/ws-1/src/../secrets/key",
    "/proc/self/cwd/secrets/key",
    "../ws-1/secrets/key",
    "~/ws-1/secrets/key",
    "secrets\\key",
    "Secrets/Key",
    "SECRETS/key",
    " secrets/key",
    "secrets/key\n",
    "secrets",
    "secrets/",
    ".",
    "file:///srv/ws-1/secrets/key",
];

#[test]
fn deny_and_ask_rules_match_every_spelling_of_a_path() {
    for restriction in [Deny, Ask] {
        let policy = policy(Allow, &[rule(None, Some("secrets/**"), restriction)]);
        for path in SECRET {
            let subject = subject(&json!({ "path": path }));
            assert_eq!(policy.decide(&subject), restriction, "{path:?} {subject:?}");
        }
        let other = subject(&json!({ "path": "src/main.rs" }));
        assert_eq!(policy.decide(&other), Allow);
    }
}

#[test]
fn subject_without_a_tool_call_gets_the_same_verdict() {
    let policy = policy(Allow, &[rule(None, Some("secrets/**"), Deny)]);
    for path in SECRET.iter().filter(|path| !path.starts_with("file:")) {
        let subject = PermissionSubject {
            tool_name: "edit".to_owned(),
            paths: vec![(*path).to_owned()],
        };
        assert_eq!(policy.decide(&subject), Deny, "{path:?}");
    }
}

#[test]
fn allow_rules_match_no_spelling_of_an_outside_path() {
    for pattern in ["**", "src/**", "*", "**/*.rs"] {
        let policy = policy(Ask, &[rule(None, Some(pattern), Allow)]);
        for path in [
            "/etc/passwd.rs",
            "/srv/ws-10/src/main.rs",
            "/srv/ws-1x/src/main.rs",
            "/srv/ws-1/../other/src/main.rs",
            "src/../../other/main.rs",
            "src/..",
            "..",
            "~/src/main.rs",
            "~root/main.rs",
            "src\\..\\..\\main.rs",
            "src/main.rs\0",
            "",
            " /etc/passwd.rs",
            "file:///etc/passwd.rs",
            "FILE:///etc/main.rs",
            "file://elsewhere/srv/ws-1/src/main.rs",
            "file:src/main.rs",
            "file:///srv/ws-1/%2e%2e/other/main.rs",
        ] {
            let subject = subject(&json!({ "path": path }));
            assert_eq!(
                policy.decide(&subject),
                Ask,
                "{pattern} {path:?} {subject:?}"
            );
        }
    }
}

#[test]
fn no_path_is_inside_an_unknown_workspace() {
    let policy = policy(Ask, &[rule(None, Some("**"), Allow)]);
    let args = json!({"path": "/etc/passwd"});
    for workspace in ["", "/"] {
        let args = args.as_object().expect("an object");
        let subject = PermissionSubject::of_tool("edit", args, workspace);
        assert_eq!(policy.decide(&subject), Ask, "{workspace:?}");
    }
}

#[test]
fn paths_inside_an_allowed_folder_are_allowed() {
    let policy = policy(Ask, &[rule(None, Some("src/**"), Allow)]);
    for path in [
        "src/main.rs",
        "./src//a/./b.rs",
        "/srv/ws-1/src/main.rs",
        "//srv//ws-1/./src/main.rs",
        "src/app/[id]/$page.tsx",
        "file:///srv/ws-1/src/main.rs",
    ] {
        assert_eq!(
            policy.decide(&subject(&json!({ "path": path }))),
            Allow,
            "{path}"
        );
    }
    for path in ["src", "src/", "Src/main.rs", "src2/main.rs", "."] {
        assert_eq!(
            policy.decide(&subject(&json!({ "path": path }))),
            Ask,
            "{path}"
        );
    }
}

#[test]
fn paths_are_found_in_nested_arguments() {
    let policy = policy(Allow, &[rule(None, Some("secrets/**"), Deny)]);
    let patch = "*** Begin Patch\n*** Update File: secrets/key\n@@\n-a\n+b\n*** End Patch";
    for args in [
        json!({"path": "secrets/key"}),
        json!({"file_path": "secrets/key"}),
        json!({"filePath": "secrets/key"}),
        json!({"FilePath": "secrets/key"}),
        json!({"notebook_path": "secrets/key"}),
        json!({"target_file": "secrets/key"}),
        json!({"absolutePath": "/srv/ws-1/secrets/key"}),
        json!({"filename": "secrets/key"}),
        json!({"directory": "secrets"}),
        json!({"cwd": "secrets"}),
        json!({"paths": ["src/a", "secrets/key"]}),
        json!({"files": [{"path": "src/a"}, {"path": "secrets/key"}]}),
        json!({"edits": [{"edit": {"file_path": "secrets/key"}}]}),
        json!({"source": "src/a", "destination": "secrets/key"}),
        json!({"from": "secrets/key", "to": "src/a"}),
        json!({"old_path": "src/a", "new_path": "secrets/key"}),
        json!({"changes": {"secrets/key": {"add": {"content": ""}}}}),
        json!({"fileChanges": {"/srv/ws-1/secrets/key": {"delete": {}}}}),
        json!({"uri": "file:///srv/ws-1/secrets/key"}),
        json!({"resourceUri": "FILE:///srv/ws-1/secrets/%6bey"}),
        json!({"input": patch}),
        json!({"patch": "--- a/src/a\n+++ b/secrets/key\t2026-01-31\n"}),
        json!({"diff": "rename from src/a\nrename to secrets/key\n"}),
    ] {
        assert_eq!(policy.decide(&subject(&args)), Deny, "{args}");
    }
    // Inputs without paths: text, remote addresses, and the null side of a patch.
    for args in [
        json!({"content": "secrets/key"}),
        json!({"url": "https://secrets/key"}),
        json!({"patch": "--- /dev/null\n+++ b/src/a\n"}),
    ] {
        assert_eq!(policy.decide(&subject(&args)), Allow, "{args}");
    }
}

#[test]
fn one_disallowed_path_prevents_approval() {
    let policy = policy(
        Ask,
        &[
            rule(None, Some("secrets/**"), Deny),
            rule(None, Some("src/**"), Allow),
        ],
    );
    for (args, expected) in [
        (json!({"paths": ["src/a", "src/b"]}), Allow),
        (json!({"paths": ["src/a", "docs/b"]}), Ask),
        (json!({"paths": ["src/a", "secrets/b", "docs/c"]}), Deny),
        (json!({"command": "true"}), Ask),
    ] {
        assert_eq!(policy.decide(&subject(&args)), expected, "{args}");
    }
}

#[test]
fn first_certain_match_wins() {
    let policy = policy(
        Deny,
        &[
            rule(None, Some("docs/public/**"), Allow),
            rule(None, Some("docs/**"), Deny),
            rule(Some("edit"), None, Ask),
        ],
    );
    for (path, expected) in [
        ("docs/public/a.md", Allow),
        ("docs/a.md", Deny),
        ("src/a.rs", Ask),
        ("docs/public/../a.md", Deny),
    ] {
        assert_eq!(
            policy.decide(&subject(&json!({ "path": path }))),
            expected,
            "{path}"
        );
    }
}

#[test]
fn tool_globs_match_across_slashes_and_ignore_case_only_to_restrict() {
    let no_args = serde_json::Map::new();
    let decide = |policy: &PermissionPolicy, tool: &str| {
        policy.decide(&PermissionSubject::of_tool(tool, &no_args, WORKSPACE))
    };
    let deny = policy(Allow, &[rule(Some("mcp*"), None, Deny)]);
    assert_eq!(decide(&deny, "mcp__server__write"), Deny);
    assert_eq!(decide(&deny, "mcp/server/write"), Deny);
    assert_eq!(decide(&deny, "MCP_write"), Deny);
    assert_eq!(decide(&deny, "read"), Allow);
    let allow = policy(Ask, &[rule(Some("read*"), None, Allow)]);
    assert_eq!(decide(&allow, "read_file"), Allow);
    assert_eq!(decide(&allow, "Read_file"), Ask);
}

#[test]
fn invalid_pattern_denies() {
    let broken = policy(Allow, &[rule(None, Some("secrets/[**"), Deny)]);
    assert_eq!(broken.decide(&subject(&json!({"path": "src/a"}))), Deny);
    let broken = policy(Ask, &[rule(Some("[edit"), None, Allow)]);
    assert_eq!(broken.decide(&subject(&json!({"path": "src/a"}))), Ask);
}

#[test]
fn patterns_that_never_match_are_rejected_by_field() {
    let policy = policy(
        Ask,
        &[
            rule(None, Some("/etc/**"), Deny),
            rule(None, Some("a/../b"), Deny),
            rule(None, Some("./a"), Deny),
            rule(None, Some("secrets/"), Deny),
            rule(None, Some("a[b"), Deny),
            rule(Some(""), Some(""), Deny),
            rule(Some("edit"), Some("src/**"), Allow),
        ],
    );
    let mut errors = crate::FieldErrors::default();
    policy.check("permissions", &mut errors);
    let fields: Vec<&str> = errors.iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "permissions.rules[0].path",
            "permissions.rules[1].path",
            "permissions.rules[2].path",
            "permissions.rules[3].path",
            "permissions.rules[4].path",
            "permissions.rules[5].path",
            "permissions.rules[5].tool",
        ]
    );
}

#[test]
fn policy_is_a_word_or_an_object() {
    let read = |text: &str| serde_json::from_str::<PermissionPolicy>(text);
    assert_eq!(
        read("\"allow\"").expect("a word"),
        PermissionPolicy::without_rules(Allow)
    );
    assert_eq!(
        read("{}").expect("all defaults"),
        PermissionPolicy::default()
    );
    let full = read(
        r#"{"default":"deny","rules":[{"tool":"edit","action":"ask"}],"onTimeout":"allow","timeoutMs":5000}"#,
    )
    .expect("an object");
    assert_eq!(full.on_timeout, Allow);
    assert_eq!(full.timeout().as_secs(), 5);
    assert_eq!(full.rules, [rule(Some("edit"), None, Ask)]);
    for (text, name) in [
        (r#""maybe""#, "maybe"),
        (r#"{"defaults":"ask"}"#, "defaults"),
        (r#"{"rules":[{"tools":"x","action":"ask"}]}"#, "tools"),
        (r#"{"rules":[{"tool":"x"}]}"#, "action"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn answer_is_an_option_or_a_withdrawal() {
    let read = |text: &str| serde_json::from_str::<PermissionAnswer>(text);
    assert_eq!(
        read(r#"{"optionId":"yes"}"#).expect("an option"),
        PermissionAnswer::Select("yes".to_owned())
    );
    assert_eq!(
        read(r#"{"outcome":"cancelled"}"#).expect("a withdrawal"),
        PermissionAnswer::Cancel
    );
    for text in [
        "{}",
        r#"{"outcome":"selected"}"#,
        r#"{"optionId":"a","outcome":"cancelled"}"#,
        r#"{"option_id":"a"}"#,
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}
