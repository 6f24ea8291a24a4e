//! The available agents: built-in and configured ones.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::server::Server;
use crate::setting::Setting;

const CONFIG: &str = r#"
[[agents]]
type = "absent"
driver = "acp"
command = ["/nowhere/absent", "--acp"]
install = "make install"

[[agents]]
type = "opencode"
env = { A = "1" }
"#;

/// A setting with two configured agents, and a program `opencode` that is only in `PATH`.
fn setting() -> (Setting, PathBuf) {
    let setting = Setting::new();
    fs::create_dir_all(setting.home()).unwrap();
    fs::write(setting.home().join("config.toml"), CONFIG).unwrap();
    let package = setting.folder.path().join("node_modules/opencode");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), r#"{"version":"1.2.3"}"#).unwrap();
    // It is inspected but never run.
    fs::copy("/bin/true", package.join("opencode")).unwrap();
    (setting, package)
}

fn agent<'a>(agents: &'a Value, name: &str) -> &'a Value {
    let items = agents["items"].as_array().unwrap();
    items.iter().find(|agent| agent["type"] == name).unwrap()
}

#[test]
fn agents_are_listed_with_hints_and_rejected_with_reasons() {
    let (setting, path) = setting();
    let run = |args: &[&str]| setting.ah(args).env("PATH", &path).output().unwrap();
    let agents: Value = serde_json::from_slice(&run(&["agents", "--json"]).stdout).unwrap();
    let installation = |name| agent(&agents, name)["installation"].clone();
    let installed = json!({"state": "installed", "version": "1.2.3"});
    assert_eq!(installation("opencode"), installed);
    assert_eq!(installation("gemini")["state"], "missing");
    assert_eq!(
        installation("absent")["hint"],
        "`make install` installs it; /nowhere/absent is not executable"
    );
    let table = String::from_utf8(run(&["agents"]).stdout).unwrap();
    assert!(
        table.contains("npm install -g @google/gemini-cli"),
        "{table}"
    );
    let refused = run(&["task", "--repo", "none", "--agent", "gemini", "do it"]);
    assert_eq!(refused.status.code(), Some(3));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("`gemini` is not installed"), "{stderr}");
    assert!(
        stderr.contains("npm install -g @google/gemini-cli"),
        "{stderr}"
    );
}

#[test]
fn server_lists_the_same_agents_with_schemas() {
    let (setting, _) = setting();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let agents = http.get("/api/v1/agents").json();
    let absent = agent(&agents, "absent");
    assert_eq!(absent["installation"]["state"], "missing");
    let schema_path = absent["settingsSchemaRef"].as_str().unwrap();
    let schema = http.get(schema_path).json();
    assert_eq!(schema["properties"]["mode"]["type"], "string");
    assert_eq!(schema["additionalProperties"], false);
    let task = json!({
        "prompt": "do it",
        "repo": {"mode": "none"},
        "agents": [{"type": "absent"}],
    });
    let problem = http.post("/api/v1/tasks", &task).problem(400);
    let message = problem["errors"]["agents[0].type"][0].as_str().unwrap();
    assert!(
        message.contains("install it with `make install`"),
        "{message}"
    );
}

#[test]
fn invalid_configuration_is_rejected_without_a_server_too() {
    let setting = Setting::new();
    fs::create_dir_all(setting.home()).unwrap();
    let config = "[[agents]]\ntype = \"a\"\ndriver = \"telnet\"\n";
    fs::write(setting.home().join("config.toml"), config).unwrap();
    let refused = setting.ah(&["agents"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(8));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    let expected = "`agents[0].driver` is `telnet`, but must be `acp`";
    assert_eq!(stderr.matches(expected).count(), 1, "{stderr}");
}
