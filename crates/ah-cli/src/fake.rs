//! Sample sessions, events and diffs for tests.

pub(crate) mod script;

use ah_rest_api_contract::*;
use ah_rest_mock_client::{MockBuilder, MockTaskManager};

/// Returns a task manager with these sessions, the newest first.
pub(crate) fn manager_of(sessions: impl IntoIterator<Item = Session>) -> MockTaskManager {
    let mut sessions: Vec<Session> = sessions.into_iter().collect();
    sessions.reverse();
    let add = |mock: MockBuilder, session| mock.session(session, Vec::new());
    sessions
        .into_iter()
        .fold(MockTaskManager::builder(), add)
        .build()
}

/// Returns a completed session with this id.
pub(crate) fn session(id: &str) -> Session {
    let id: SessionId = id.parse().expect("is an id");
    let agent = SessionAgent::new(AgentType::new("scenario")).with_version("1.0");
    let prompt = PromptContent::from("Add a greeting");
    let mut session = Session::new(id, TaskId::from_ulid(id.ulid()), agent, prompt, at(0));
    "Add a greeting\nand test it".clone_into(&mut session.prompt);
    session.status = SessionStatus::Completed;
    session.exit_code = Some(0);
    session.repo = SessionRepo::git("/home/me/project");
    session.repo.branch = Some("main".to_owned());
    session.repo.commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    session.workspace = Some(
        SessionWorkspace::new(
            WorkspaceProvider::Worktree,
            "/state/workspaces/one",
            ExecutorId::local(),
        )
        .with_branch(format!("ah/{id}"))
        .with_passed_over(vec![PassedOverProvider::new(
            "overlay",
            "only root may mount here",
        )]),
    );
    session.labels = [("team".to_owned(), "payments".to_owned())].into();
    session.updated_at = at(12_000);
    session.started_at = Some(at(1000));
    session.ended_at = Some(at(12_000));
    session.last_seq = EventSeq::new(9);
    session.changes = Some(ChangeSummary {
        files_changed: 2,
        lines_added: 12,
        lines_removed: 3,
    });
    session.usage = Some(Usage {
        input_tokens: 12_345,
        output_tokens: 678,
        cost_usd: Some(0.0123),
        ..Usage::default()
    });
    session
}

/// Returns the time `millis` milliseconds after the start of the tests' clock.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_750_000_000_000 + millis)
}

/// Returns the diff of two files.
pub(crate) fn diff() -> SessionDiff {
    let file = |path: &str, status, added, removed, diff: &str| {
        FileDiff::new(path.to_owned(), status, diff.to_owned())
            .with_lines_added(added)
            .with_lines_removed(removed)
            .with_context_lines(3)
    };
    SessionDiff::of(vec![
        file(
            "src/greeting.rs",
            FileStatus::Added,
            2,
            0,
            "diff --git a/src/greeting.rs b/src/greeting.rs\nnew file mode 100644\n\
                 --- /dev/null\n+++ b/src/greeting.rs\n@@ -0,0 +1,2 @@\n+//! Greets.\n+fn greet() {}\n",
        ),
        file(
            "src/main.rs",
            FileStatus::Modified,
            1,
            1,
            "diff --git a/src/main.rs b/src/main.rs\n--- a/src/main.rs\n+++ b/src/main.rs\n\
                 @@ -1,2 +1,2 @@\n fn main() {\n-    old();\n+    greet();\n",
        ),
    ])
}
