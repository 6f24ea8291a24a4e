use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

fn catalog() -> Catalog {
    Catalog::scripted(vec!["ah".to_owned(), "play".to_owned()])
}

fn with_settings(settings: &Value) -> AgentSelection {
    AgentSelection {
        settings: settings.as_object().unwrap().clone(),
        ..AgentSelection::new(SCENARIO)
    }
}

#[test]
fn every_listed_agent_resolves_by_default() {
    for agent in catalog().list() {
        let mut selection = AgentSelection::new(agent.agent_type.as_str());
        assert_eq!(catalog().resolve(&selection).unwrap().argv, ["ah", "play"]);
        for version in agent.versions {
            selection.version = Some(version);
            catalog().resolve(&selection).unwrap();
        }
    }
}

#[test]
fn valid_settings_reach_the_program() {
    for settings in [
        json!({"scenario": "demo", "speed": 0.5, "defines": {"A": "1"}}),
        json!({"scenario": {"name": "mine", "timeline": []}}),
    ] {
        let program = catalog().resolve(&with_settings(&settings)).unwrap();
        assert_eq!(Value::Object(program.settings), settings);
    }
}

#[test]
fn each_error_names_its_field() {
    for (settings, field) in [
        (
            json!({"scenario": "nothing of the kind"}),
            "settings.scenario",
        ),
        (json!({"scenario": 7}), "settings.scenario"),
        (json!({"scenario": {"timeline": []}}), "settings.scenario"),
        (json!({"speed": "fast"}), "settings.speed"),
        (json!({"speed": -1}), "settings.speed"),
        (json!({"defines": []}), "settings.defines"),
        (json!({"colour": "red"}), "settings.colour"),
    ] {
        let errors = catalog().resolve(&with_settings(&settings)).unwrap_err();
        assert_eq!(errors.iter().count(), 1, "{settings}: {errors:?}");
        assert!(!errors.get(field).is_empty(), "{settings}: {errors:?}");
    }
    let unknown = catalog()
        .resolve(&AgentSelection::new("missing"))
        .unwrap_err();
    assert!(unknown.get("type")[0].contains("`missing`"));
    let near = catalog()
        .resolve(&AgentSelection::new("scenari"))
        .unwrap_err();
    assert!(near.get("type")[0].contains("did you mean `scenario`?"));
    let modelled = AgentSelection {
        model: Some("a-model".to_owned()),
        ..AgentSelection::new(SCENARIO)
    };
    let errors = catalog().resolve(&modelled).unwrap_err();
    assert!(errors.get("model")[0].contains("`a-model`"), "{errors:?}");
    let old = AgentSelection {
        version: Some("0.0.1-old".to_owned()),
        ..AgentSelection::new(SCENARIO)
    };
    assert!(
        !catalog()
            .resolve(&old)
            .unwrap_err()
            .get("version")
            .is_empty()
    );
}

/// Creates a program from a shell script. Another process writes the file: if this process had it
/// open for writing while another test forks, running it would fail with ETXTBSY.
pub(super) fn write_program(path: &Path, script: &str) {
    let text = format!("#!/bin/sh\n{script}\n");
    let written = std::process::Command::new("sh")
        .args(["-c", r#"printf '%s' "$1" > "$0" && chmod 755 "$0""#])
        .args([path.as_os_str(), text.as_ref()])
        .status()
        .unwrap();
    assert!(written.success());
}

/// A host with these programs, in npm packages of version 1.2.3, and a configuration.
struct Host {
    dir: tempfile::TempDir,
    configured: Value,
    is_root: bool,
}

impl Host {
    fn with(programs: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for program in programs {
            let package = dir.path().join("node_modules").join(program);
            fs::create_dir_all(&package).unwrap();
            fs::write(package.join("package.json"), r#"{"version":"1.2.3"}"#).unwrap();
            let path = package.join(program);
            write_program(&path, "");
            symlink(&path, dir.path().join(program)).unwrap();
        }
        Self {
            dir,
            configured: json!([]),
            is_root: false,
        }
    }

    fn catalog(&self) -> Catalog {
        let entries: Vec<AgentEntry> = serde_json::from_value(self.configured.clone()).unwrap();
        let host_environment = HostEnvironment {
            search_path: self.dir.path().into(),
            is_root: self.is_root,
        };
        let configured = ConfiguredAgents::judge(&entries).unwrap();
        Catalog::new(vec!["ah".to_owned()], configured, host_environment)
    }

    fn resolve(&self, selection: &Value) -> Result<AgentProgram, FieldErrors> {
        let selection = serde_json::from_value(selection.clone()).unwrap();
        self.catalog().resolve(&selection)
    }

    fn path_of(&self, program: &str) -> String {
        self.dir.path().join(program).to_str().unwrap().to_owned()
    }
}

#[test]
fn every_builtin_agent_is_listed_with_a_hint() {
    let agents = Host::with(&["opencode"]).catalog().list();
    let names: Vec<&str> = agents
        .iter()
        .map(|agent| agent.agent_type.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "scenario",
            "claude-acp",
            "codex-acp",
            "copilot",
            "gemini",
            "kimi",
            "opencode",
            "openhands",
            "qwen",
            "vibe",
        ]
    );
    for agent in &agents[1..] {
        assert_eq!(agent.driver, "acp");
        match &agent.installation {
            Installation::Installed { version } => {
                assert_eq!(agent.agent_type.as_str(), "opencode");
                assert_eq!(version.as_deref(), Some("1.2.3"));
                assert_eq!(agent.versions, ["1.2.3"]);
            }
            Installation::Missing { hint } => {
                assert!(hint.contains("installs it; `"), "{hint}");
                assert!(agent.versions.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn missing_agent_error_has_the_installation_command() {
    let errors = Host::with(&[])
        .resolve(&json!({"type": "gemini"}))
        .unwrap_err();
    let message = &errors.get("type")[0];
    assert!(message.contains("`gemini` is not installed"), "{message}");
    assert!(
        message.contains("npm install -g @google/gemini-cli"),
        "{message}"
    );
}

#[test]
fn only_the_installed_version_can_be_requested() {
    let host = Host::with(&["opencode"]);
    let version = |version| host.resolve(&json!({"type": "opencode", "version": version}));
    version("1.2.3").unwrap();
    let errors = version("1.2.4").unwrap_err();
    let message = &errors.get("version")[0];
    assert!(
        message.contains("1.2.3") && message.contains("`1.2.4`"),
        "{message}"
    );
}

#[test]
fn unknown_version_is_rejected_if_a_task_requires_one() {
    let host = Host::with(&["opencode"]);
    fs::remove_file(host.dir.path().join("node_modules/opencode/package.json")).unwrap();
    host.resolve(&json!({"type": "opencode"})).unwrap();
    let errors = host
        .resolve(&json!({"type": "opencode", "version": "1"}))
        .unwrap_err();
    assert!(
        errors.get("version")[0].contains("is unknown"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn version_from_program_output_is_accepted() {
    let host = Host::with(&["opencode"]);
    fs::remove_file(host.dir.path().join("node_modules/opencode/package.json")).unwrap();
    let program = host.dir.path().join("node_modules/opencode/opencode");
    write_program(&program, "echo 7.8.9");
    let catalog = host.catalog();
    catalog.ask_versions().await;
    let agents = catalog.list();
    let opencode = agents
        .iter()
        .find(|agent| agent.agent_type.as_str() == "opencode");
    assert_eq!(opencode.unwrap().versions, ["7.8.9"]);
}

#[test]
fn each_agent_gets_its_model_in_its_own_way() {
    let host = Host::with(&["gemini", "copilot", "opencode", "openhands"]);
    let with_model = |name: &str| host.resolve(&json!({"type": name, "model": "m-1"}));
    let gemini = with_model("gemini").unwrap();
    let path = host.path_of("gemini");
    assert_eq!(
        gemini.argv,
        [&path, "--acp", "--skip-trust", "--model", "m-1"]
    );
    assert_eq!(gemini.model, None);
    let copilot = with_model("copilot").unwrap();
    assert_eq!(copilot.env["COPILOT_MODEL"], "m-1");
    assert_eq!(copilot.model, None);
    let opencode = with_model("opencode").unwrap();
    assert_eq!(opencode.model.as_deref(), Some("m-1"));
    let errors = with_model("openhands").unwrap_err();
    assert!(errors.get("model")[0].contains("agent_settings.json"));
    let errors = host
        .resolve(&json!({"type": "gemini", "model": "--yolo"}))
        .unwrap_err();
    assert!(errors.get("model")[0].contains("`--yolo`"));
}

#[test]
fn acp_agent_accepts_only_the_mode_setting() {
    let host = Host::with(&["gemini"]);
    let with = |settings: Value| host.resolve(&json!({"type": "gemini", "settings": settings}));
    assert_eq!(
        with(json!({"mode": "plan"})).unwrap().settings["mode"],
        "plan"
    );
    for (settings, field) in [
        (json!({"mode": 7}), "settings.mode"),
        (json!({"mode": ""}), "settings.mode"),
        (json!({"modes": "plan"}), "settings.modes"),
    ] {
        let errors = with(settings).unwrap_err();
        assert_eq!(errors.get(field).len(), 1, "{field}: {errors:?}");
    }
}

#[test]
fn root_variable_is_set_only_for_agents_that_need_it() {
    let mut host = Host::with(&["claude-agent-acp", "codex-acp"]);
    let sandbox = |host: &Host, name: &str| {
        let program = host.resolve(&json!({"type": name})).unwrap();
        program.env.get("IS_SANDBOX").cloned()
    };
    assert_eq!(sandbox(&host, "claude-acp"), None);
    host.is_root = true;
    assert_eq!(sandbox(&host, "claude-acp").as_deref(), Some("1"));
    assert_eq!(sandbox(&host, "codex-acp"), None);
    host.configured = json!([{"type": "claude-acp", "env": {"IS_SANDBOX": "0"}}]);
    assert_eq!(sandbox(&host, "claude-acp").as_deref(), Some("0"));
}

#[test]
fn agent_inherits_only_its_own_keys() {
    let host = Host::with(&[
        "claude-agent-acp",
        "gemini",
        "copilot",
        "opencode",
        "codex-acp",
    ]);
    let admits = |agent: &str, variable: &str| {
        let program = host.resolve(&json!({"type": agent})).unwrap();
        program.inherits.admits(variable.as_ref())
    };
    for (variable, agents) in [
        ("ANTHROPIC_API_KEY", &["claude-acp", "opencode"][..]),
        ("ANTHROPIC_BASE_URL", &["claude-acp", "opencode"]),
        ("CLAUDE_CODE_OAUTH_TOKEN", &["claude-acp"]),
        ("OPENAI_API_KEY", &["codex-acp", "opencode"]),
        ("GEMINI_API_KEY", &["gemini", "opencode"]),
        ("COPILOT_PROVIDER_BASE_URL", &["copilot"]),
        ("OPENCODE_CONFIG_CONTENT", &["opencode"]),
        // Variables of an outer agent, and variables that disable permission requests.
        ("CLAUDECODE", &[]),
        ("CLAUDE_CODE_ENTRYPOINT", &[]),
        ("CODEX_SANDBOX", &[]),
        ("COPILOT_ALLOW_ALL", &[]),
        ("OPENCODE_PERMISSION", &[]),
        ("AH_API_KEY", &[]),
    ] {
        for agent in ["claude-acp", "codex-acp", "copilot", "gemini", "opencode"] {
            assert_eq!(
                admits(agent, variable),
                agents.contains(&agent),
                "{agent} {variable}"
            );
        }
    }
    for agent in ["claude-acp", "gemini"] {
        for variable in [
            "PATH",
            "HTTPS_PROXY",
            "GOOGLE_GEMINI_BASE_URL",
            "CARGO_HOME",
        ] {
            assert!(admits(agent, variable), "{agent} {variable}");
        }
    }
}

#[test]
fn configured_agents_are_listed_with_the_others() {
    let mut host = Host::with(&["mine", "opencode"]);
    host.configured = json!([
        {"type": "my-agent", "driver": "acp", "command": ["mine", "--acp"], "description": "mine"},
        {"type": "opencode", "env": {"OPENCODE_CONFIG": "/etc/opencode.json"}},
    ]);
    let agents = host.catalog().list();
    assert_eq!(agents.len(), 11);
    assert!(agents.iter().any(|agent| agent.description == "mine"));
    let mine = host.resolve(&json!({"type": "my-agent"})).unwrap();
    assert_eq!(mine.argv, [&host.path_of("mine"), "--acp"]);
    assert_eq!(mine.agent_type, "my-agent");
    let opencode = host.resolve(&json!({"type": "opencode"})).unwrap();
    assert_eq!(opencode.env["OPENCODE_CONFIG"], "/etc/opencode.json");
    assert_eq!(opencode.env["OPENCODE_DISABLE_AUTOUPDATE"], "1");
}

/// Linked and copied paths must be within the session's own paths.
#[test]
fn homes_of_builtin_agents_are_consistent() {
    for known in &builtin::ALL {
        let home = Profile::of(known).home.unwrap();
        let carried = || home.linked.iter().chain(&home.copied);
        for path in carried().chain(&home.own).chain(home.variables.values()) {
            assert!(path.is_relative(), "{}", path.display());
        }
        let moved = home
            .variables
            .values()
            .filter(|path| **path != Path::new(""));
        for path in carried().chain(moved).chain(home.unmoved.keys()) {
            let is_own = home.own.iter().any(|own| path.starts_with(own));
            assert!(is_own, "{}", path.display());
        }
        assert!(
            home.is_covered_by_variables(),
            "{} would need a view of its user's home",
            known.agent_type
        );
        for linked in &home.linked {
            let below = carried().filter(|path| path.starts_with(linked)).count();
            assert_eq!(below, 1, "{} would be written through", linked.display());
        }
    }
}
