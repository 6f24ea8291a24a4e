//! The changes of sessions.

use ah_rest_api_contract::{
    AgentState, ContentQuery, DiffQuery, ErrorKind, FILE_PART_BYTES_MAX, FileDiffQuery,
    FileEncoding, FileKind, FileNodeQuery, FilePath, FileQuery, SessionId, SessionStatus as S,
    SupervisorPhase,
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

/// The files of a workspace are listed, described and read, and agree with the changes.
pub async fn files_are_read_from_the_workspace(world: &World) {
    let manager = world.manager();
    let timeline = json!([
        edit("docs/a.md", 3, 0),
        edit("b.md", 2, 0),
        think("edited"),
        hang()
    ]);
    let id = world.launch(timeline).await;
    world.until_thought(id, "edited").await;
    let files = manager
        .list_session_files(id, FileQuery::default())
        .await
        .expect("it has a workspace");
    for file in &files.items {
        let path: FilePath = file.path.parse().expect("a path in the workspace");
        let details = manager.get_session_file(id, path.clone()).await;
        let details = details.expect("it was changed");
        assert_eq!(details.status, Some(file.status));
        assert_eq!(details.lines_added, file.lines_added);
        let whole = read_in_parts(world, id, &path, FILE_PART_BYTES_MAX).await;
        assert_eq!(Some(whole.len() as u64), details.size_bytes);
        assert_eq!(read_in_parts(world, id, &path, 7).await, whole);
        for context in [0, 7] {
            let query = FileDiffQuery::new(context).expect("a good query");
            let diff = manager.get_file_diff(id, path.clone(), query).await;
            let diff = diff.expect("it was changed");
            assert_eq!(
                (diff.path, diff.context_lines),
                (file.path.clone(), context)
            );
        }
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let query = FileNodeQuery {
            path: folder.parse().ok(),
            ..FileNodeQuery::default()
        };
        let node = manager.list_workspace_files(id, query).await;
        let node = node.expect("the folder of a file");
        assert_eq!((node.path.as_str(), node.is_modified), (folder, true));
        let listed = node.children.unwrap_or_default();
        let listed = listed.iter().find(|it| it.path.ends_with(name));
        assert!(
            listed.is_some_and(|it| it.is_modified),
            "{name} is not listed"
        );
    }
    let query = FileNodeQuery {
        recursive: true,
        modified_only: true,
        ..FileNodeQuery::default()
    };
    let all = manager.list_workspace_files(id, query).await;
    let mut listed = Vec::new();
    let mut folders = vec![all.expect("it has a workspace")];
    while let Some(folder) = folders.pop() {
        for child in folder.children.unwrap_or_default() {
            match child.kind {
                FileKind::Directory => folders.push(child),
                _ => listed.push(child.path),
            }
        }
    }
    listed.sort();
    let changed: Vec<_> = files.items.iter().map(|file| file.path.clone()).collect();
    assert_eq!(listed, changed);
    let missing: FilePath = "no/such/file".parse().expect("a path");
    let details = manager.get_session_file(id, missing.clone()).await;
    refused(details, ErrorKind::NotFound);
    let content = ContentQuery::default();
    let content = manager
        .read_session_file(id, missing.clone(), content)
        .await;
    refused(content, ErrorKind::NotFound);
    let diff = FileDiffQuery::default();
    let diff = manager.get_file_diff(id, missing.clone(), diff).await;
    refused(diff, ErrorKind::NotFound);
    let folder = FileNodeQuery {
        path: Some(missing),
        ..FileNodeQuery::default()
    };
    let folder = manager.list_workspace_files(id, folder).await;
    refused(folder, ErrorKind::NotFound);
    manager.cancel_session(id).await.expect("it runs");
    let folder = FileNodeQuery::default();
    let folder = manager.list_workspace_files(id, folder).await;
    refused(folder, ErrorKind::Conflict);
}

/// Reads a file of text in parts of at most `bytes`.
async fn read_in_parts(world: &World, id: SessionId, path: &FilePath, bytes: u32) -> String {
    let mut whole = String::new();
    let mut offset = 0;
    loop {
        let query = ContentQuery::new(offset, bytes).expect("a good query");
        let part = world.manager().read_session_file(id, path.clone(), query);
        let part = part.await.expect("it was changed");
        assert_eq!(part.encoding, FileEncoding::Utf8);
        assert_eq!((part.offset, part.is_modified), (offset, true));
        assert!(part.content.len() <= bytes as usize, "more than requested");
        whole.push_str(&part.content);
        match part.next_offset {
            Some(next) if next > offset => offset = next,
            Some(next) => panic!("{next} does not follow {offset}"),
            None => return whole,
        }
    }
}
