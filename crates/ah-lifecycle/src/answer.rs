//! Answers to the agent's permission requests.

use ah_rest_api_contract::{PermissionAnswer, PermissionId, PermissionState, SessionAction};

use crate::{Change, Decision, PermissionRecord, PermissionWrite, Refusal, SessionRecord, admit};

/// Answers the permission request `id`, if it is still pending.
pub fn decide(
    record: &SessionRecord,
    permissions: &[PermissionRecord],
    id: PermissionId,
    answer: PermissionAnswer,
    by: &str,
) -> Result<Decision, Refusal> {
    let session = record.id();
    let what = "permission request";
    let permission = permissions
        .iter()
        .map(|known| &known.permission)
        .find(|permission| permission.request.request_id == id)
        .ok_or_else(|| Refusal::Unknown {
            session,
            what,
            id: id.to_string(),
        })?;
    admit(record, SessionAction::AnswerPermission)?;
    let state = match permission.state {
        PermissionState::Pending => None,
        PermissionState::Answered => Some("was answered"),
        PermissionState::Resolved => Some("was settled"),
        PermissionState::Unknown => Some("is in an unknown state"),
    };
    if let Some(state) = state {
        return Err(Refusal::Settled {
            session,
            what,
            id: id.to_string(),
            state,
        });
    }
    if let PermissionAnswer::Select(option) = &answer {
        let options = &permission.request.options;
        if !options.iter().any(|offered| offered.id == *option) {
            let ids: Vec<&str> = options.iter().map(|offered| offered.id.as_str()).collect();
            return Err(Refusal::Field {
                field: "optionId",
                message: format!(
                    "`{option}` is not an option; choose one of {}",
                    ids.join(", ")
                ),
            });
        }
    }
    let by = by.to_owned();
    Ok(Change {
        permissions: vec![PermissionWrite::Answer {
            request_id: id,
            answer,
            by,
        }],
        ..Change::default()
    }
    .into())
}
