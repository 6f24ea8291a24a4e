use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::catalog::tests::write_program;

struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Creates a program from a shell script.
    fn program(&self, path: &str, script: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_program(&path, script);
        path
    }

    fn search_path(&self, folders: &[&str]) -> std::ffi::OsString {
        std::env::join_paths(folders.iter().map(|folder| self.path(folder))).unwrap()
    }
}

#[test]
fn program_is_the_first_executable_of_its_name() {
    let host = Host::new();
    host.write("a/agent", "not a program");
    fs::create_dir_all(host.path("b/agent")).unwrap();
    let agent = host.program("c/agent", "");
    host.program("d/agent", "");
    let search_path = host.search_path(&["nowhere", "a", "b", "c", "d"]);
    assert_eq!(find("agent", &search_path), Some(agent.clone()));
    assert_eq!(find("other", &search_path), None);
    assert_eq!(find(agent.to_str().unwrap(), OsStr::new("")), Some(agent));
    assert_eq!(find("/nowhere/agent", &search_path), None);
}

#[test]
fn version_of_an_npm_package_is_read_from_the_package() {
    let host = Host::new();
    host.write(
        "lib/node_modules/agent/package.json",
        r#"{"version":"1.2.3"}"#,
    );
    host.write(
        "lib/node_modules/@of/agent/package.json",
        r#"{"name":"@of/agent","version":"4.5.6-beta"}"#,
    );
    for (program, version) in [
        ("lib/node_modules/agent/bin/run", "1.2.3"),
        ("lib/node_modules/@of/agent/dist/index.js", "4.5.6-beta"),
    ] {
        let program = host.program(program, "");
        let link = host.path("link");
        symlink(&program, &link).unwrap();
        assert_eq!(packaged_version(&link, None).as_deref(), Some(version));
        fs::remove_file(link).unwrap();
    }
    let elsewhere = host.program("bin/agent", "");
    assert_eq!(packaged_version(&elsewhere, None), None);
}

#[test]
fn version_of_a_python_distribution_is_read_from_its_environment() {
    let host = Host::new();
    let program = host.program("tools/agent/bin/agent-acp", "");
    for name in ["my_agent-3.0.2", "my_agent_core-9.9", "other-1.0"] {
        let path = format!("tools/agent/lib/python3.12/site-packages/{name}.dist-info/METADATA");
        host.write(&path, "");
    }
    let version = |distribution| packaged_version(&program, Some(distribution));
    assert_eq!(version("my-agent").as_deref(), Some("3.0.2"));
    assert_eq!(version("unheard-of"), None);
    assert_eq!(packaged_version(&program, None), None);
}

#[tokio::test]
async fn program_is_run_once_per_version_of_its_file() {
    let host = Host::new();
    let script = |version: &str| format!("echo asked >> \"$0.log\"; echo 'Agent v{version}, yes'");
    let agent = host.program("agent", &script("1.0.1"));
    let versions = Versions::default();
    assert_eq!(versions.reported(&agent), None);
    for _ in 0..2 {
        versions.ask(std::slice::from_ref(&agent)).await;
        assert_eq!(versions.reported(&agent), Some(Some("1.0.1".to_owned())));
    }
    host.program("agent", &script("1.0.2"));
    let later = changed_at(&agent).unwrap() + Duration::from_secs(1);
    fs::File::open(&agent).unwrap().set_modified(later).unwrap();
    assert_eq!(versions.reported(&agent), None);
    versions.ask(std::slice::from_ref(&agent)).await;
    assert_eq!(versions.reported(&agent), Some(Some("1.0.2".to_owned())));
    let log = fs::read_to_string(host.path("agent.log")).unwrap();
    assert_eq!(log.lines().count(), 2);
}

#[tokio::test]
async fn program_without_a_version_is_not_run_again() {
    let host = Host::new();
    let mute = host.program("mute", "echo asked >> \"$0.log\"; echo hello; exit 3");
    let versions = Versions::default();
    for _ in 0..2 {
        versions.ask(std::slice::from_ref(&mute)).await;
    }
    assert_eq!(versions.reported(&mute), Some(None));
    let log = fs::read_to_string(host.path("mute.log")).unwrap();
    assert_eq!(log.lines().count(), 1);
}

#[tokio::test]
async fn abandoned_version_check_leaves_no_process() {
    let host = Host::new();
    let agent = host.program("slow", "echo $$ > \"$0.pid\"; sleep 600 & wait");
    let pid = host.path("slow.pid");
    let started = async {
        loop {
            match fs::read_to_string(&pid)
                .ok()
                .and_then(|text| text.trim().parse::<i32>().ok())
            {
                Some(pid) => return pid,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let group = tokio::select! {
        _ = ask(&agent) => panic!("it does not answer"),
        pid = started => Pid::from_raw(pid).unwrap(),
    };
    let gone = async {
        while rustix::process::test_kill_process_group(group).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .unwrap();
}

#[test]
fn versions_are_found_in_program_output() {
    for (text, version) in [
        ("1.18.33\n", "1.18.33"),
        (
            "GitHub Copilot CLI 1.0.102.\nRun 'copilot update'",
            "1.0.102",
        ),
        ("@agentclientprotocol/codex-acp 2.6.0", "2.6.0"),
        ("claude 2.1.197 (Claude Code)", "2.1.197"),
        (
            "v0.61.0-nightly.20261101+abc",
            "0.61.0-nightly.20261101+abc",
        ),
        ("OpenHands CLI 1.16", "1.16"),
    ] {
        assert_eq!(version_in(text).as_deref(), Some(version), "{text}");
    }
    for text in ["", "hello", "Python 3 agent", "a.b.c", "1.x"] {
        assert_eq!(version_in(text), None, "{text}");
    }
}
