//! Unknown ids.

use ah_rest_api_contract::{
    AttachmentHash, ContentQuery, DiffQuery, DraftId, DraftUpdate, ErrorKind, EventFilter,
    EventQuery, EventSeq, FileDiffQuery, FileNodeQuery, FilePath, FileQuery, PageRequest,
    PermissionAnswer, PermissionId, PromptId, PromptRequest, RepositoryId, SessionId, TaskId,
};
use ulid::Ulid;

use crate::World;
use crate::world::refused;

/// Every operation on an unknown id reports that it is not found.
pub async fn missing_items_are_not_found(world: &World) {
    let ulid = Ulid::from_parts(1, 1);
    let id = SessionId::from_ulid(ulid);
    let not_found = ErrorKind::NotFound;
    let manager = world.manager();
    refused(manager.get_task(TaskId::from_ulid(ulid)).await, not_found);
    refused(manager.get_session(id).await, not_found);
    refused(manager.get_session_info(id).await, not_found);
    let filter = EventFilter::default();
    let stream = manager
        .task_events_stream(id, EventSeq::START, filter)
        .await;
    refused(stream.map(drop), not_found);
    refused(
        manager.list_events(id, EventQuery::default()).await,
        not_found,
    );
    let more = PromptRequest::queued("more");
    refused(manager.prompt_session(id, more).await, not_found);
    refused(
        manager.list_prompts(id, PageRequest::largest()).await,
        not_found,
    );
    let prompt = PromptId::from_ulid(ulid);
    refused(manager.withdraw_prompt(id, prompt).await, not_found);
    refused(manager.interrupt_session(id).await, not_found);
    refused(manager.pause_session(id).await, not_found);
    refused(
        manager.resume_session(id, Some("go on".into())).await,
        not_found,
    );
    refused(manager.stop_session(id, None).await, not_found);
    refused(manager.cancel_session(id).await, not_found);
    refused(
        manager.list_permissions(id, PageRequest::largest()).await,
        not_found,
    );
    let (request, answer) = (PermissionId::from_ulid(ulid), PermissionAnswer::Cancel);
    let answered = manager.answer_permission(id, request, answer).await;
    refused(answered, not_found);
    let draft = DraftId::from_ulid(ulid);
    refused(manager.get_draft(draft).await, not_found);
    refused(manager.delete_draft_task(draft).await, not_found);
    let update = DraftUpdate {
        id: Some(draft),
        ..DraftUpdate::default()
    };
    refused(manager.save_draft_task(update).await, not_found);
    let repository = RepositoryId::from_ulid(ulid);
    refused(manager.get_repository(repository).await, not_found);
    refused(manager.list_branches(repository).await, not_found);
    refused(
        manager.list_session_files(id, FileQuery::default()).await,
        not_found,
    );
    let diff = manager.get_session_diff(id, DiffQuery::default()).await;
    refused(diff, not_found);
    let path: FilePath = "a.md".parse().expect("a path");
    let file = manager.get_session_file(id, path.clone()).await;
    refused(file, not_found);
    let content = ContentQuery::default();
    let content = manager.read_session_file(id, path.clone(), content).await;
    refused(content, not_found);
    let folder = manager
        .list_workspace_files(id, FileNodeQuery::default())
        .await;
    refused(folder, not_found);
    let diff = manager
        .get_file_diff(id, path, FileDiffQuery::default())
        .await;
    refused(diff, not_found);
    let hash = AttachmentHash::from_digest([0; 32]);
    refused(manager.get_session_attachment(id, hash).await, not_found);
}
