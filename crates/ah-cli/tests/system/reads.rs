//! Reading changes nothing: no `GET` operation writes to the state folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::operations::{self, Method, Operation};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::acp_agent::with_agent;
use crate::server::Server;
use crate::setting::{Setting, status, wait_for};

/// A session and the ids of everything that belongs to it.
struct Target {
    session: String,
    task: String,
    hash: String,
    file: String,
}

/// The content of the state folder: a line per file and per row of the store.
///
/// The files of the store are compared by their rows. The engine renews its leases on its own, and
/// the write-ahead log and its index change with any reader, so their bytes say nothing. The only
/// column that is left out is the time of a lease.
fn content(home: &Path) -> BTreeMap<String, String> {
    let mut content = BTreeMap::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(home).unwrap().to_owned();
            if !name.as_os_str().as_bytes().starts_with(b"state.db") {
                content.insert(name.display().to_string(), file(&path, &mut folders));
            }
        }
    }
    rows(&home.join("state.db"), &mut content);
    content
}

/// Describes a file: its kind, its mode, and a hash of its bytes. A folder is added to `folders`.
fn file(path: &PathBuf, folders: &mut Vec<PathBuf>) -> String {
    let found = path.symlink_metadata().unwrap();
    let mut hasher = DefaultHasher::new();
    if found.is_dir() {
        folders.push(path.clone());
    } else if found.is_symlink() {
        fs::read_link(path).unwrap().hash(&mut hasher);
    } else if found.is_file() {
        fs::read(path).unwrap().hash(&mut hasher);
    }
    format!("{:o} {:x}", found.mode(), hasher.finish())
}

fn rows(store: &Path, content: &mut BTreeMap<String, String>) {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut tables = store.prepare(sql).unwrap();
    let tables = tables.query_map((), |row| row.get(0)).unwrap();
    for table in tables.map(Result::<String, _>::unwrap) {
        let mut statement = store.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_names();
        let columns: Vec<String> = columns.into_iter().map(ToOwned::to_owned).collect();
        let mut rows = statement.query(()).unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().unwrap() {
            for (place, column) in columns.iter().enumerate() {
                if column != "lease_expires_at" {
                    let value: SqlValue = row.get(place).unwrap();
                    let name = format!("state.db {table} {count} {column}");
                    content.insert(name, format!("{value:?}"));
                }
            }
            count += 1;
        }
    }
}

/// Launches a session that has an attachment and a changed file, and is idle.
fn launch(setting: &Setting, server: &Server) -> Target {
    let http = server.http(setting);
    let body = json!({
        "prompt": "send 1000",
        "repo": {"mode": "git", "url": setting.repository()},
        "agents": [{"type": "mine"}],
        "interactive": true,
    });
    let launched = http.post("/api/v1/tasks", &body).expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let session = text(&launched["session_ids"][0]);
    let path = format!("/api/v1/sessions/{session}");
    wait_for("the first turn and the count of its changes", || {
        let session = http.get(&path).expect(200);
        session["activity"] == "idle" && session["changes"]["files_changed"] == 1
    });
    let files = http.get(&format!("{path}/files")).expect(200);
    let log = setting.log(&session);
    let result = log.iter().find(|it| it["type"] == "tool_result").unwrap();
    Target {
        session,
        task: text(&launched["taskId"]),
        hash: text(&result["attachments"][0]["hash"]),
        file: text(&files["items"][0]["path"]),
    }
}

/// Returns the path of an operation with real ids.
fn path(operation: &Operation, target: &Target, draft: &str, repository: &str) -> String {
    let parameters = operation.parameters.iter().map(|kind| match *kind {
        "SessionId" => target.session.clone(),
        "TaskId" => target.task.clone(),
        "AttachmentHash" => target.hash.clone(),
        "FilePath" => target.file.clone(),
        "DraftId" => draft.to_owned(),
        "RepositoryId" => repository.to_owned(),
        "String" if operation.id == "get_agent_schema" => "mine.json".to_owned(),
        "String" => "not-found".to_owned(),
        other => panic!("{}: no value for a parameter of type {other}", operation.id),
    });
    operation.path_with(&parameters.collect::<Vec<_>>())
}

#[test]
fn no_get_operation_changes_the_state_folder() {
    let setting = with_agent();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let (live, ended) = (launch(&setting, &server), launch(&setting, &server));
    setting.run(&["session", "stop", &ended.session]);
    let log = &mut Vec::new();
    http.events(&ended.session, 0).until(log, status("stopped"));
    let draft = http.post("/api/v1/drafts", &json!({"prompt": "later"}));
    let draft = draft.expect(201)["id"].as_str().unwrap().to_owned();
    let repositories = http.get("/api/v1/repositories").expect(200);
    let repository = repositories["items"][0]["id"].as_str().unwrap();
    // The engine removes the folder of a recorder after the end of its session.
    let remains = setting.home().join("sessions").join(&ended.session);
    wait_for("the removal of remains", || !remains.exists());

    let before = content(&setting.home());
    let reads = operations::ALL.iter();
    for operation in reads.filter(|operation| operation.method == Method::Get) {
        for target in [&live, &ended] {
            let path = path(operation, target, &draft, repository);
            if operation.answer == "SessionEvent" {
                // An endless stream is left after its head. A later write shows after the next read.
                drop(http.ask("GET", &path).events());
            } else {
                let answer = http.get(&path);
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            }
            let after = content(&setting.home());
            let changed = difference(&before, &after);
            assert!(changed.is_empty(), "GET {path} changed {changed:#?}");
        }
    }
    server.end();
}

/// Returns the names of what is only in one of them, or differs.
fn difference<'a>(
    before: &'a BTreeMap<String, String>,
    after: &'a BTreeMap<String, String>,
) -> BTreeSet<&'a String> {
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .collect()
}
