use serde_json::{Value, json};

use super::*;

fn judge(entries: &Value) -> Result<ConfiguredAgents, InvalidAgent> {
    let entries: Vec<AgentEntry> = serde_json::from_value(entries.clone()).unwrap();
    ConfiguredAgents::judge(&entries)
}

fn one(entry: &Value) -> Profile {
    let agents = judge(&json!([entry])).unwrap().0;
    agents.into_values().next().unwrap()
}

#[test]
fn agent_requires_type_driver_and_command() {
    let mine = one(&json!({
        "type": "my-agent",
        "driver": "acp",
        "command": ["my-agent", "--acp"],
        "env": {"MY_FLAG": "1"},
    }));
    assert_eq!(mine.command, ["my-agent", "--acp"]);
    assert_eq!(mine.env["MY_FLAG"], "1");
    assert_eq!(mine.home, None);
    assert_eq!(mine.passed, PROVIDERS);
    assert_eq!(mine.model, ModelChoice::Protocol);
}

#[test]
fn every_field_of_an_agent_is_configurable() {
    let mine = one(&json!({
        "type": "my-agent",
        "driver": "acp",
        "command": ["/opt/my-agent"],
        "description": "mine",
        "install": "make install",
        "inherit-env": ["MY_*"],
        "home": "session",
        "home-own": [".mine"],
        "home-linked": [".mine/key"],
        "home-copied": [".mine/settings"],
        "model-variable": "MY_MODEL",
    }));
    assert_eq!(mine.description, "mine");
    assert_eq!(mine.install.as_deref(), Some("make install"));
    assert_eq!(mine.passed, ["MY_*"]);
    assert_eq!(mine.model, ModelChoice::Variable("MY_MODEL".to_owned()));
    let home = mine.home.unwrap();
    assert_eq!(home.own, [Path::new(".mine")]);
    assert_eq!(home.linked, [Path::new(".mine/key")]);
    assert_eq!(home.copied, [Path::new(".mine/settings")]);
}

#[test]
fn configuration_of_a_builtin_agent_replaces_only_the_given_fields() {
    let opencode = Profile::of(
        builtin::ALL
            .iter()
            .find(|known| known.agent_type == "opencode")
            .unwrap(),
    );
    let changed = one(&json!({"type": "opencode", "env": {"OPENCODE_CONFIG": "/etc/o.json"}}));
    let mut expected = opencode.clone();
    expected
        .env
        .insert("OPENCODE_CONFIG".to_owned(), "/etc/o.json".to_owned());
    assert_eq!(changed, expected);
    let elsewhere = one(&json!({"type": "opencode", "command": ["/opt/opencode", "acp"]}));
    assert_eq!(elsewhere.install, None);
    assert_eq!(elsewhere.home, opencode.home);
    let at_home = one(&json!({"type": "opencode", "home": "user"}));
    assert_eq!(at_home.home, None);
}

#[test]
fn each_error_names_its_key() {
    let good = json!({"type": "good", "driver": "acp", "command": ["good"]});
    let session = |own: &str, linked: &str| {
        json!({"type": "a", "driver": "acp", "command": ["a"], "home": "session",
               "home-own": [own], "home-linked": [linked]})
    };
    for (entry, key, word) in [
        (json!({"type": "a"}), "driver", "missing"),
        (json!({"type": "a", "driver": "acp"}), "command", "missing"),
        (json!({"type": "a", "driver": "pty"}), "driver", "`pty`"),
        (
            json!({"type": "opencode", "driver": "x"}),
            "driver",
            "`acp`",
        ),
        (json!({"type": "scenario"}), "type", "reserved"),
        (json!({"type": "My Agent"}), "type", "`My Agent`"),
        (json!({"type": ""}), "type", "lower-case"),
        (json!({"type": "../up"}), "type", "`../up`"),
        (good.clone(), "type", "`good`"),
        (json!({"type": "gemini", "command": []}), "command", "empty"),
        (
            json!({"type": "gemini", "command": ["bin/gemini"]}),
            "command",
            "absolute",
        ),
        (
            json!({"type": "gemini", "env": {"A=B": ""}}),
            "env.A=B",
            "environment",
        ),
        (
            json!({"type": "gemini", "home": "user", "home-own": [".gemini"]}),
            "home-own",
            "session",
        ),
        (session("/etc", "/etc/passwd"), "home-own", "/etc"),
        (session("..", "../x"), "home-own", "`..`"),
        (session(".a", ".b/key"), "home-linked", "`.b/key`"),
        (
            json!({"type": "kimi", "model-argument": "-m", "model-variable": "M"}),
            "model-variable",
            "model-argument",
        ),
    ] {
        let error = judge(&json!([good, entry])).unwrap_err();
        assert_eq!(error.key, format!("agents[1].{key}"), "{entry}: {error}");
        assert!(error.message.contains(word), "{entry}: {error}");
    }
}

#[test]
fn number_of_agents_is_limited() {
    let entry = |index| json!({"type": format!("a{index}"), "driver": "acp", "command": ["a"]});
    let entries: Vec<Value> = (0..=AGENTS_MAX).map(entry).collect();
    judge(&json!(entries[1..])).unwrap();
    assert_eq!(judge(&json!(entries)).unwrap_err().key, "agents");
}
