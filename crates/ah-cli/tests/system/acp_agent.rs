//! Sessions with an agent of ours that speaks ACP: what it sends at length, and what it ignores.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;

use serde_json::{Value, json};

use crate::server::Server;
use crate::setting::{Setting, agent_processes, recorder, wait_for};

/// An agent that answers its first prompt. `send N` writes a file and sends an image of N bytes as
/// the output of a tool, and `ignore` is read and never answered.
const AGENT: &str = r#"
import base64, json, sys
def send(message): print(json.dumps(message), flush=True)
def update(update): send({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": update}})
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize": send({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": 1}})
    if method == "session/new": send({"jsonrpc": "2.0", "id": id, "result": {"sessionId": "s"}})
    if method == "session/prompt":
        text = message["params"]["prompt"][0]["text"]
        if text == "ignore":
            open("ignored", "w").close()
            continue
        if text.startswith("send "):
            with open("work.txt", "w") as file: file.write(text)
            for n, size in enumerate(text.split()[1:]):
                data = base64.b64encode(bytes(i * 7 % 251 for i in range(int(size)))).decode()
                image = {"type": "content", "content": {"type": "image", "mimeType": "image/png", "data": data}}
                text = {"type": "content", "content": {"type": "text", "text": "before " * 10}}
                update({"sessionUpdate": "tool_call", "toolCallId": f"t{n}", "title": "look", "kind": "read",
                        "status": "completed", "content": [text, image], "rawInput": {"path": f"p{n}"}})
        send({"jsonrpc": "2.0", "id": id, "result": {"stopReason": "end_turn"}})
"#;

/// Writes the agent and its configuration.
pub(crate) fn with_agent() -> Setting {
    let setting = Setting::new();
    let agent = setting.folder.path().join("agent.py");
    fs::write(&agent, AGENT).unwrap();
    DirBuilder::new()
        .mode(0o700)
        .create(setting.home())
        .unwrap();
    let config = format!(
        "[[agents]]\ntype = \"mine\"\ndriver = \"acp\"\ncommand = [\"python3\", \"{}\"]\n",
        agent.display()
    );
    fs::write(setting.home().join("config.toml"), config).unwrap();
    setting
}

/// Launches a session that waits for prompts after this one.
fn launch(setting: &Setting, server: &Server, prompt: &str) -> String {
    let body = json!({
        "prompt": prompt, "repo": {"mode": "none"}, "agents": [{"type": "mine"}],
        "interactive": true,
    });
    let http = server.http(setting);
    let launched = http.post("/api/v1/tasks", &body).expect(201);
    let id = launched["session_ids"][0].as_str().unwrap().to_owned();
    let path = format!("/api/v1/sessions/{id}");
    wait_for("the first turn", || {
        http.get(&path).expect(200)["activity"] == "idle"
    });
    id
}

#[test]
fn large_attachment_of_an_acp_agent_is_kept_up_to_the_limit() {
    let setting = with_agent();
    let server = Server::start(&setting);
    // Above the limit of a line, the limit of an attachment, and one byte more.
    const MAX: usize = 8 * 1024 * 1024;
    let sizes = [3_000_000, MAX, MAX + 1];
    let [small, largest, too_large] = sizes;
    let prompt = format!("send {small} {largest} {too_large}");
    let id = launch(&setting, &server, &prompt);
    let log = setting.log(&id);
    let results: Vec<&Value> = log
        .iter()
        .filter(|it| it["type"] == "tool_result")
        .collect();
    assert_eq!(results.len(), 3, "{results:#?}");
    for (result, size) in results.iter().zip(sizes) {
        let output = result["tool_output"].as_str().unwrap();
        assert!(output.starts_with("before before"), "{output}");
        let kept = result["attachments"].as_array().map_or(0, Vec::len);
        assert_eq!(kept, usize::from(size <= MAX), "{size}: {output}");
        if kept == 0 {
            assert!(
                output.contains("not kept") || output.contains("too large"),
                "{output}"
            );
            continue;
        }
        let attachment = &result["attachments"][0];
        assert_eq!(attachment["size"], size);
        let hash = attachment["hash"].as_str().unwrap();
        let file = setting.folder.path().join(format!("saved-{size}"));
        let to = file.to_str().unwrap();
        setting.run(&["session", "attachments", &id, "--save", hash, "-o", to]);
        let expected: Vec<u8> = (0..size).map(|it| (it * 7 % 251) as u8).collect();
        assert!(fs::read(&file).unwrap() == expected, "{size}");
    }
    setting.run(&["session", "stop", &id]);
    setting.finish(&id);
    server.end();
}

#[test]
fn sent_prompt_is_undelivered_after_a_kill_of_its_recorder() {
    let setting = with_agent();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let id = launch(&setting, &server, "hello");
    let path = format!("/api/v1/sessions/{id}");
    http.post(&format!("{path}/prompt"), &json!({"prompt": "ignore"}))
        .expect(202);
    let prompts = || {
        let prompts = http.get(&format!("{path}/prompts")).expect(200);
        let items = prompts["items"].as_array().unwrap();
        items
            .iter()
            .map(|it| it["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    wait_for("the prompt to be sent", || prompts() == ["sent"]);
    // A second one waits behind it.
    http.post(&format!("{path}/prompt"), &json!({"prompt": "wait"}))
        .expect(202);
    wait_for("the agent to have read it", || {
        let session = http.get(&path).expect(200);
        let folder = session["workspace"]["path"].as_str().unwrap();
        fs::exists(format!("{folder}/ignored")).unwrap()
    });
    recorder(&setting, &id).kill();
    wait_for("the end", || {
        http.get(&path).expect(200)["status"] == "failed"
    });
    assert_eq!(prompts(), ["undelivered", "undelivered"]);
    assert!(agent_processes(&id).is_empty());
    server.end();
}
