//! Commands and their server: the running one, a named one, or none.

use std::process::Output;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::server::Server;
use crate::setting::{Follower, Setting, of_type, output_text};

const ASKING: &str = "name: asking
timeline:
  - llmResponse:
      - think: [a thought]
  - agentPermissionRequest:
      toolCall: { toolCallId: push, title: Push the branch, kind: execute }
      options:
        - { id: allow, label: \"Yes\", kind: allow_once }
        - { id: deny, label: \"No\", kind: reject_once }
  - log: { level: warn, message: take care }
  - agentEdits: { path: notes.md, linesAdded: 3, linesRemoved: 0 }
  - complete: true
";

/// Runs a session with a permission request and a second prompt to its end.
fn launch(setting: &Setting) -> String {
    let id = setting.launch(ASKING);
    let mut follower = Follower::start(setting.ah(&["session", "follow", &id]));
    follower.until(of_type("permission_request"));
    setting.run(&["session", "answer", &id, "allow"]);
    follower.until(of_type("file_edit"));
    follower.kill();
    setting.finish(&id);
    id
}

/// Removes the request, which only a server has, from a failure in JSON.
fn without_request(line: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let Some(error) = json.get_mut("error") else {
        return line.to_owned();
    };
    if let Some(problem) = error["problem"].as_object_mut() {
        for name in ["requestId", "instance"] {
            problem.remove(name);
        }
    }
    let is_request = |hint: &Value| {
        let hint = hint.as_str().unwrap_or_default();
        hint.starts_with("the request ID is")
    };
    let hints = error["hints"].as_array_mut().unwrap();
    hints.retain(|hint| !is_request(hint));
    json.to_string()
}

/// Removes ages and request ids from the output.
fn comparable(text: &str) -> String {
    let is_age = |word: &&str| {
        let number = word.trim_start_matches('(').strip_suffix(['s', 'm']);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let lines = text.lines().map(without_request);
    let lines = lines.filter(|line| !line.contains("the request ID is"));
    lines.fold(String::new(), |text, line| {
        let words: Vec<&str> = line.split(' ').filter(|word| !is_age(word)).collect();
        text + &words.join(" ") + "\n"
    })
}

#[test]
fn output_is_the_same_with_and_without_a_server() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let id = launch(&setting);
    let scenario = setting.scenario("name: bad\ntimeline: 7\n");
    let scenario = scenario.to_str().unwrap();
    let commands: [&[&str]; 26] = [
        &["agents"],
        &["session", "list"],
        &["session", "list", "--status", "failed"],
        &["session", "get"],
        &["session", "get", &id],
        &["session", "follow", &id],
        &["session", "events", &id],
        &[
            "session",
            "events",
            &id,
            "--type",
            "thought,log",
            "--after",
            "2",
        ],
        &["session", "logs", &id],
        &["session", "files", &id],
        &["session", "files", &id, "--all"],
        &["session", "cat", &id, "README.md"],
        &["session", "diff", &id],
        &["session", "diff", &id, "--stat"],
        &["session", "prompts", &id],
        &["session", "permissions", &id],
        // Commands that fail.
        &["session", "get", "ZZZZ"],
        &["session", "diff", &id, "nothing.txt"],
        &["session", "cat", &id, "nothing.txt"],
        &["session", "cat", &id, "../state.db"],
        &["session", "prompt", &id, "more"],
        &["session", "pause", &id],
        &["session", "answer", &id, "allow"],
        &["task", "--agent", "no-such-agent", "x"],
        &["task", "--branch", "-x", "x"],
        &["task", "--scenario", scenario, "x"],
    ];
    let answer = |words: &[&str], more: &[&str]| {
        let output = setting.ah(&[words, more].concat()).output().unwrap();
        comparable(&output_text(&output))
    };
    for words in commands {
        for json in [&[][..], &["--json"]] {
            let words = [words, json].concat();
            let alone = answer(&words, &["--remote-server", "none"]);
            assert_eq!(answer(&words, &[]), alone, "ah {words:?}");
        }
    }
    server.end();
}

#[test]
fn server_is_selected_by_option_or_variable() {
    let (there, here) = (Setting::new(), Setting::new());
    let server = Server::start(&there);
    let id = launch(&there);
    let key = server.http(&there).key.unwrap();
    let url = server.url();
    let list = ["session", "list", "--json"];
    let by_option = here
        .ah(&[&list[..], &["--remote-server", &url]].concat())
        .env("AH_API_KEY", &key)
        .output()
        .unwrap();
    let mut command = here.ah(&list);
    command
        .env("AH_REMOTE_SERVER", &url)
        .env("AH_API_KEY", &key);
    let by_variable = command.output().unwrap();
    assert_eq!(output_text(&by_option), output_text(&by_variable));
    assert!(
        output_text(&by_option).contains(&id),
        "{}",
        output_text(&by_option)
    );
    // The option takes precedence, and `none` selects no server.
    command.args(["--remote-server", "none"]);
    assert!(output_text(&command.output().unwrap()).contains("\"total\":0"));

    let secret = key.clone();
    let refused = |key: &str, url: &str, code: i32| {
        let mut command = here.ah(&list);
        command.env("AH_REMOTE_SERVER", url).env("AH_API_KEY", key);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output_text(&output));
        assert!(
            !output_text(&output).contains(&secret),
            "{}",
            output_text(&output)
        );
    };
    refused("", &url, 4);
    refused(
        &format!("ah_{}_{}", "0".repeat(12), "a".repeat(43)),
        &url,
        4,
    );
    refused(&key, "harbor", 7);
    let port = server.kill();
    refused(&key, &format!("http://127.0.0.1:{}", port.number), 5);
}

#[test]
fn leftovers_of_a_killed_server_are_ignored() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let id = launch(&setting);
    let port = server.kill();
    assert!(setting.home().join("access-point.json").exists());
    assert_eq!(setting.session(&id)["status"], "completed");
    Server::start_at(&setting, port).end();
}

#[test]
fn hanging_server_is_reported_in_time() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let (url, pid) = (server.url(), server.child.id());
    let list = |more: &[&str]| {
        let begun = Instant::now();
        let output = setting.ah(&[&["session", "list"], more].concat()).output();
        (output.unwrap(), begun.elapsed())
    };
    server.signal(Signal::STOP);
    let found = list(&[]);
    let named = list(&["--remote-server", &url]);
    server.signal(Signal::CONT);
    let assert_timed_out = |(output, taken): (Output, Duration), word: &str| {
        assert_eq!(output.status.code(), Some(5), "{}", output_text(&output));
        for word in [&url, word, "did not respond"] {
            assert!(
                output_text(&output).contains(word),
                "{word}: {}",
                output_text(&output)
            );
        }
        assert!(taken < Duration::from_secs(30), "{taken:?}");
    };
    assert_timed_out(found, &format!("process {pid}"));
    assert_timed_out(named, "within 5 s");
    assert!(list(&[]).0.status.success());
    server.end();
}

#[test]
fn an_attachment_is_listed_and_saved_as_it_was_sent() {
    let setting = Setting::new();
    let id = setting.launch(
        "name: shows
timeline:
  - assistant: [[0, { type: image, data: iVBORw==, mimeType: image/png }]]
  - assistant: [[0, { type: audio, data: UklGRg==, mimeType: audio/wav }]]
  - complete: true
",
    );
    setting.finish(&id);
    let listed = setting.run(&["session", "attachments", &id]);
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [image, sound] = &rows[..] else {
        panic!("two attachments: {listed}");
    };
    assert_eq!((image[2], sound[4]), ("image/png", "audio/wav"), "{listed}");
    let hash = image[0];
    assert_eq!(hash.len(), 64);
    let saved = setting
        .ah(&["session", "attachments", &id, "--save", &hash[..10]])
        .output()
        .unwrap();
    assert_eq!(saved.stdout, b"\x89PNG");
    let file = setting.home().join("plot.png");
    let to = file.to_str().unwrap();
    setting.run(&["session", "attachments", &id, "--save", hash, "-o", to]);
    assert_eq!(std::fs::read(&file).unwrap(), b"\x89PNG");
    let json = setting.json(&["session", "attachments", &id]);
    assert_eq!(json[0]["hash"], hash);
    // The data is in no event.
    let events = setting.run(&["session", "events", &id, "--json"]);
    assert!(!events.contains("iVBORw"), "{events}");
    // A session that is removed keeps its log and no attachment.
    setting.run(&["session", "cancel", &id]);
    let gone = setting
        .ah(&["session", "attachments", &id, "--save", hash])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(
        !gone.status.success() && error.contains("no attachment"),
        "{error}"
    );
}
