//! Invalid input to the server: each request gets a problem with its location, and has no effect.

use serde_json::{Value, json};

use crate::http::{Ask, Connection, Http, HttpResponse};
use crate::server::Server;
use crate::setting::{Setting, status};

/// The configured limit of request bodies.
const BODY_LIMIT: usize = 100_000;
const KEY: &str = "01KA5Z4T8Q6N3B0M7W1C2D9E5F";

fn a_task(setting: &Setting) -> Value {
    json!({
        "prompt": "do it",
        "repo": {"mode": "git", "url": setting.repository()},
        "agents": [{"type": "scenario", "settings": {"scenario": "edit"}}],
    })
}

fn with_body_limit() -> Setting {
    let setting = Setting::new();
    std::fs::create_dir_all(setting.home()).unwrap();
    let config = format!("[server]\nbody-limit = {BODY_LIMIT}\n");
    std::fs::write(setting.home().join("config.toml"), config).unwrap();
    setting
}

/// A refused request: the status, the kind of problem, and the field.
type Refusal = (Ask, u16, &'static str, &'static str);

/// Requests with invalid credentials, headers or bodies.
fn bad_requests(http: &Http, good: &Value) -> Vec<Refusal> {
    let post = || http.ask("POST", "/api/v1/tasks");
    let stranger = Http {
        key: None,
        ..http.clone()
    };
    let good = || post().json(good);
    let wrong_key = format!("ApiKey ah_{}_{}", "0".repeat(12), "a".repeat(43));
    vec![
        (post().text("{"), 400, "bad-request", ""),
        (post().text("[]"), 400, "bad-request", ""),
        (post().text(b"\xff\xfe".to_vec()), 400, "bad-request", ""),
        (post().text("{\"prompt\": 7}"), 400, "validation", "prompt"),
        (
            good().header("Content-Type", "text/plain"),
            415,
            "bad-request",
            "",
        ),
        (
            post().text(vec![b' '; BODY_LIMIT + 1]),
            413,
            "payload-too-large",
            "",
        ),
        (stranger.ask("POST", "/api/v1/tasks"), 401, "auth", ""),
        (good().header("Authorization", &wrong_key), 401, "auth", ""),
        (good().header("Host", "evil.example"), 421, "forbidden", ""),
        (
            good().header("Origin", "https://evil.example"),
            403,
            "forbidden",
            "",
        ),
        (good().header("Origin", "null"), 403, "forbidden", ""),
        (
            good().header("Idempotency-Key", "again"),
            400,
            "validation",
            "Idempotency-Key",
        ),
    ]
}

/// Requests with invalid tasks.
fn bad_tasks(http: &Http, good: &Value) -> Vec<Refusal> {
    let post = |pointer: &str, value: Value| {
        let mut task = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        task.pointer_mut(parent).unwrap()[name] = value;
        http.ask("POST", "/api/v1/tasks").json(&task)
    };
    let refused = |ask: Ask, field| (ask, 400, "validation", field);
    vec![
        refused(post("/colour", json!("red")), "colour"),
        refused(post("/repo/url", json!("/no/such/folder")), "repo.url"),
        refused(post("/repo/url", json!("../../etc")), "repo.url"),
        refused(
            post("/repo/url", json!("ext::sh -c touch% /tmp/x")),
            "repo.url",
        ),
        refused(
            post("/repo/branch", json!("--upload-pack=x")),
            "repo.branch",
        ),
        refused(
            post("/agents/0/type", json!("no-such-agent")),
            "agents[0].type",
        ),
        refused(
            post("/agents/0/settings", json!({"scenario": "none"})),
            "agents[0].settings.scenario",
        ),
        refused(
            post("/agents/0/settings", json!({"loudness": 11})),
            "agents[0].settings.loudness",
        ),
        refused(
            post("/env", json!({"LD_PRELOAD": "x.so"})),
            "env.LD_PRELOAD",
        ),
    ]
}

fn assert_refused(answer: &HttpResponse, status: u16, kind: &str, field: &str) {
    let problem = answer.problem(status);
    assert_eq!(problem["type"], format!("/errors/{kind}"), "{problem}");
    let is_named = problem["errors"][field][0].is_string();
    assert!(field.is_empty() || is_named, "{field}: {problem}");
}

#[test]
fn invalid_input_is_reported_without_effect() {
    let setting = with_body_limit();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let good = a_task(&setting);
    let all = bad_requests(&http, &good)
        .into_iter()
        .chain(bad_tasks(&http, &good));
    for (ask, status, kind, field) in all {
        assert_refused(&ask.send(), status, kind, field);
    }
    let list = http
        .get("/api/v1/sessions?includeArchived=true")
        .expect(200);
    assert_eq!(list["total"], 0, "{list}");
    for folder in ["sessions", "worktrees", "repos"] {
        let left = std::fs::read_dir(setting.home().join(folder));
        assert_eq!(left.map_or(0, Iterator::count), 0, "{folder}");
    }
    server.end();
}

#[test]
fn path_outside_of_the_workspace_is_rejected() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let task = http.post("/api/v1/tasks", &a_task(&setting)).expect(201);
    let id = task["session_ids"][0].as_str().unwrap();
    http.events(id, 0)
        .until(&mut Vec::new(), status("completed"));
    let diff = |files: &str| http.get(&format!("/api/v1/sessions/{id}/diff?files={files}"));
    for path in [
        "../project/README.md",
        "%2e%2e/x",
        "/etc/passwd",
        "a/../../x",
    ] {
        assert_refused(&diff(path), 400, "validation", "files");
    }
    // Paths that git would interpret as patterns, and which name no changed file.
    for path in [":(top)*", ".git/config", "*"] {
        assert_eq!(diff(path).expect(200)["files"], json!([]), "{path}");
    }
    let all = http.get(&format!("/api/v1/sessions/{id}/diff")).expect(200);
    let path = all["files"][0]["path"].as_str().unwrap();
    assert_eq!(diff(path).expect(200)["files"][0], all["files"][0]);
    let session = format!("/api/v1/sessions/{id}");
    for path in [
        "../state.db",
        "%2e%2e%2fstate.db",
        "a/../../state.db/content",
        "/etc/passwd",
        "//etc/passwd/content",
        ".git/config",
        ".git/config/content",
        "README.md%00",
        "README.md/..",
    ] {
        for place in ["files", "diff"] {
            let answer = http.get(&format!("{session}/{place}/{path}"));
            assert_eq!(answer.status, 404, "{place}/{path}: {}", answer.text());
        }
    }
    // The path of a file may be several segments, or one.
    let file = http.get(&format!("{session}/files/{path}")).expect(200);
    assert_eq!(file["status"], all["files"][0]["status"]);
    let encoded = path.replace('/', "%2F");
    for path in [path, &encoded] {
        let content = http.get(&format!("{session}/files/{path}/content"));
        assert_eq!(content.expect(200)["path"], all["files"][0]["path"]);
        let diff = http.get(&format!("{session}/diff/{path}")).expect(200);
        assert_eq!(diff, all["files"][0]);
    }
    server.end();
}

#[test]
fn non_http_connections_are_closed() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let line = "GET /api/v1/sessions HTTP/1.1\r\n";
    let host = format!("Host: {}\r\n", http.address);
    for (text, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("{line}\r\n"), 400),
        (format!("{line}{host}{host}\r\n"), 400),
        (format!("{line}{host}Content-Length: x\r\n\r\n"), 400),
        (
            format!("{line}{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            400,
        ),
        (
            format!("{line}{host}X-Long: {}\r\n\r\n", "x".repeat(1 << 20)),
            431,
        ),
        (
            format!("{line}{host}{}\r\n", "X-Many: x\r\n".repeat(1000)),
            431,
        ),
    ] {
        let begin = text.get(..120).unwrap_or(&text).to_owned();
        let close = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let answer = Connection::open(&http.address, close.as_bytes()).answer();
        assert_eq!(answer.status, status, "{begin:?}");
    }
    http.get("/api/v1/sessions").expect(200);
    server.end();
}

#[test]
fn twenty_concurrent_requests_with_one_key_launch_one_task_despite_a_kill() {
    let setting = Setting::new();
    let mut server = Server::start(&setting);
    let http = server.http(&setting);
    let task = a_task(&setting);
    let launch = |task: &Value| {
        let ask = http.ask("POST", "/api/v1/tasks").json(task);
        ask.header("Idempotency-Key", KEY)
    };
    let racing: Vec<Connection> = (0..20).map(|_| launch(&task).write()).collect();
    let answers: Vec<HttpResponse> = racing.into_iter().map(Connection::answer).collect();
    let first = answers[0].expect(201);
    assert!(answers.iter().all(|answer| answer.expect(201) == first));
    let is_new = |answer: &&HttpResponse| answer.header("idempotency-replayed").is_empty();
    assert_eq!(answers.iter().filter(is_new).count(), 1);

    server = server.replace(&setting);
    let again = launch(&task).send();
    assert_eq!(again.expect(201), first);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let mut other = task;
    other["prompt"] = json!("something else");
    let kind = "idempotency-mismatch";
    assert_refused(&launch(&other).send(), 422, kind, "");
    let list = http
        .get("/api/v1/sessions?includeArchived=true")
        .expect(200);
    assert_eq!(list["total"], 1, "{list}");
    server.end();
}

#[test]
fn launch_interrupted_by_a_kill_is_executed_once() {
    let setting = Setting::new();
    let mut server = Server::start(&setting);
    let http = server.http(&setting);
    let task = a_task(&setting);
    for at in 0..6 {
        let launch = || {
            let ask = http.ask("POST", "/api/v1/tasks").json(&task);
            ask.header("Idempotency-Key", &format!("01KA5Z4T8Q6N3B0M7W1C2D9E0{at}"))
        };
        let cut_off = launch().write();
        std::thread::park_timeout(std::time::Duration::from_millis(2 * at));
        server = server.replace(&setting);
        drop(cut_off);
        let launched = launch().send().expect(201);
        let list = http.get("/api/v1/sessions").expect(200);
        assert_eq!(list["total"], at + 1, "{list}");
        let id = launched["session_ids"][0].as_str().unwrap();
        http.events(id, 0)
            .until(&mut Vec::new(), status("completed"));
    }
    server.end();
}
