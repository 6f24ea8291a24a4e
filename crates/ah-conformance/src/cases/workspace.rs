//! The changes of sessions.

use ah_rest_api_contract::{
    AgentState, DiffQuery, ErrorKind, FileQuery, SessionStatus as S, SupervisorPhase,
};
use serde_json::json;

use crate::World;
use crate::script::{edit, hang, think};
use crate::world::refused;

/// A session's files and its diff are available while it has a workspace, and agree with each
/// other.
pub async fn changes_are_available_while_the_workspace_exists(world: &World) {
    let manager = world.manager();
    world.hold(S::Provisioning).await;
    let timeline = json!([
        edit("a.md", 3, 0),
        edit("b.md", 2, 0),
        think("edited"),
        hang()
    ]);
    let id = world.launch(timeline).await;
    refused(
        manager.list_session_files(id, FileQuery::default()).await,
        ErrorKind::Conflict,
    );
    let diff = manager.get_session_diff(id, DiffQuery::default()).await;
    refused(diff, ErrorKind::Conflict);
    let early = manager.get_session_info(id).await.expect("a session");
    assert_eq!(early.fleet.leader, None);
    world.release(S::Provisioning).await;
    world.until_thought(id, "edited").await;
    let session = manager.get_session(id).await.expect("a session");
    let info = manager.get_session_info(id).await.expect("a session");
    let workspace = session.workspace.expect("a workspace");
    assert_eq!((info.id, info.status), (id, S::Running));
    assert_eq!(info.fleet.leader, Some(workspace.executor_id));
    assert_eq!(info.endpoints.events, session.links.events);
    // Only an access point that runs sessions itself knows the parts that run them.
    if let Some(debug) = info.debug {
        let recorder = debug.recorder.expect("the agent is in a turn");
        assert_eq!(recorder.agent, AgentState::InTurn);
        assert_eq!(recorder.pending_permissions, 0);
        let supervisor = debug.supervisor.expect("the access point owns it");
        assert_eq!(supervisor.phase, SupervisorPhase::Attached);
    }
    let files = manager
        .list_session_files(id, FileQuery::default())
        .await
        .expect("it has a workspace");
    assert_eq!(files.total, files.items.len() as u64);
    let diff = manager.get_session_diff(id, DiffQuery::default()).await;
    let diff = diff.expect("it has a workspace");
    let listed: Vec<&str> = files.items.iter().map(|file| file.path.as_str()).collect();
    let differing: Vec<&str> = diff.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(listed, differing);
    for (path, context) in listed.iter().zip([0, 7].into_iter().cycle()) {
        let query = DiffQuery::new(vec![(*path).to_owned()], context).expect("a good query");
        for query in [query.clone(), query.whole_files()] {
            let diff = manager.get_session_diff(id, query.clone()).await;
            let diff = diff.expect("it has a workspace");
            let selected: Vec<&str> = diff.files.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(selected, [*path]);
            let extent = (diff.files[0].context_lines, diff.files[0].full_file);
            assert_eq!(extent, (context, query.full_file()));
        }
    }
    let added: u64 = diff.files.iter().map(|file| file.lines_added).sum();
    assert_eq!(diff.total_lines_added, added);
    manager.cancel_session(id).await.expect("it runs");
    refused(
        manager.list_session_files(id, FileQuery::default()).await,
        ErrorKind::Conflict,
    );
    let diff = manager.get_session_diff(id, DiffQuery::default()).await;
    refused(diff, ErrorKind::Conflict);
}
