//! A hostile agent in its sandbox: each of its attempts, at decoys.

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::setting::Setting;

/// The attempts that each protection refuses. An attempt may be in several, of which one suffices.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "files",
        &[
            "write_file",
            "append_to_file",
            "create_file",
            "write_through_link",
            "write_through_parents",
            "hard_link",
            "rename_file",
            "remove_file",
            "write_other_workspace",
            "write_mirrors",
            "read_secret",
            "read_ssh_key",
            "read_store",
            "read_key",
            "read_other_journal",
            "read_other_workspace",
            "read_through_process",
            "read_environment",
            "append_to_journal",
            "command_recorder",
            "trace_process",
            "mount",
            "make_device",
            "leave_control_group",
        ],
    ),
    (
        "signals",
        &["probe_process", "kill_process", "reach_abstract_socket"],
    ),
    ("mounts", &["change_mode", "reach_socket"]),
    ("processes", &["see_process"]),
    ("system_calls", &["make_namespace", "load_program"]),
];

/// The decoys of one test. The process ends with it.
struct Decoys {
    setting: Setting,
    outside: PathBuf,
    process: Child,
    _sockets: [UnixListener; 2],
}

impl Drop for Decoys {
    fn drop(&mut self) {
        // It may have been killed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Decoys {
    fn new() -> Self {
        let mut setting = Setting::new();
        let root = setting.folder.path().to_owned();
        let (outside, home) = (root.join("outside"), root.join("user"));
        fs::create_dir_all(home.join(".ssh")).unwrap();
        fs::create_dir_all(home.join("documents")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        for path in [
            outside.join("file"),
            outside.join("secret"),
            home.join(".ssh/id_ed25519"),
            home.join("documents/letter"),
        ] {
            fs::write(path, "decoy").unwrap();
        }
        let home = home.to_str().unwrap().to_owned();
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().unwrap().to_str().unwrap().to_owned();
        setting
            .environment
            .push(("AH_SANDBOX_READ".to_owned(), folder));
        setting.environment.push(("HOME".to_owned(), home));
        let process = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let name = format!("ah-decoy-{}", process.id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let sockets = [
            UnixListener::bind(outside.join("socket")).unwrap(),
            UnixListener::bind_addr(&address).unwrap(),
        ];
        Self {
            setting,
            outside,
            process,
            _sockets: sockets,
        }
    }

    /// Returns a scenario whose agent runs the hostile program.
    fn scenario(&self, victim: &str) -> String {
        let program = std::env::current_exe().unwrap();
        let command = format!(
            "HOSTILE_OUTSIDE={} HOSTILE_VICTIM={victim} HOSTILE_PROCESS={} {} hostile::agent --exact \
             --ignored --nocapture",
            self.outside.display(),
            self.process.id(),
            program.display(),
        );
        json!({
            "name": "hostile",
            "timeline": [
                {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": command}}},
                {"complete": true},
            ],
        })
        .to_string()
    }

    /// Returns the result of each attempt of a session's agent.
    fn attempts(&self, session: &str) -> BTreeMap<String, String> {
        let log = self.setting.log(session);
        let result = log.iter().find(|event| event["type"] == "tool_result");
        let output = result.unwrap()["tool_output"].as_str().unwrap();
        let attempt = |line: &str| {
            let (name, result) = line.strip_prefix("attempt ")?.split_once(' ')?;
            Some((name.to_owned(), result.to_owned()))
        };
        output.lines().filter_map(attempt).collect()
    }

    /// Asserts that no decoy has changed.
    fn assert_intact(&mut self) {
        let root = self.setting.folder.path();
        for path in [
            "outside/file",
            "outside/secret",
            "user/.ssh/id_ed25519",
            "user/documents/letter",
        ] {
            assert_eq!(
                fs::read_to_string(root.join(path)).unwrap(),
                "decoy",
                "{path}"
            );
        }
        assert!(!root.join("outside/new").exists());
        assert!(!root.join("home/repos/evil").exists());
        assert!(
            self.process.try_wait().unwrap().is_none(),
            "the process has ended"
        );
    }
}

/// A scenario whose agent ends at once.
fn harmless() -> String {
    json!({"name": "victim", "timeline": [{"complete": true}]}).to_string()
}

fn missing(session: &Value) -> Vec<&str> {
    let missing = session["workspace"]["isolation"]["missing"].as_array();
    let names = missing.into_iter().flatten();
    names.map(|it| it["protection"].as_str().unwrap()).collect()
}

#[test]
fn every_attempt_of_a_hostile_agent_is_refused_or_stated() {
    let mut decoys = Decoys::new();
    let victim = decoys.setting.launch(&harmless());
    decoys.setting.finish(&victim);
    fs::write(decoys.setting.home().join("access-point.key"), "decoy").unwrap();
    let scenario = decoys.scenario(&victim);
    let id = decoys.setting.launch(&scenario);
    let session = decoys.setting.finish(&id);
    assert_eq!(session["status"], "completed", "{session}");
    let isolation = &session["workspace"]["isolation"];
    assert_eq!(isolation["profile"], "default");
    let attempts = decoys.attempts(&id);
    let enforced: Vec<&str> = isolation["enforced"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    for (protection, refused) in REFUSED {
        if !enforced.contains(protection) {
            eprintln!("this host lacks `{protection}`: {isolation}");
            assert!(missing(&session).contains(protection), "{isolation}");
            continue;
        }
        for attempt in *refused {
            let result = attempts.get(*attempt);
            let is_refused = result.is_some_and(|result| result.starts_with("refused: "));
            assert!(is_refused, "{attempt}: {result:?} in {attempts:#?}");
        }
    }
    assert_eq!(attempts["probe_parent"], "done");
    if ["files", "signals"].iter().all(|it| enforced.contains(it)) {
        decoys.assert_intact();
    }
    // The other session is as it was, and the store works.
    let shown = decoys.setting.run(&["session", "diff", &victim]);
    assert_eq!(shown, "");
}
