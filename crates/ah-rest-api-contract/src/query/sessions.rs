//! Queries for sessions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reader::{Reader, escaped, joined, shown, split};
use crate::task::check_labels;
use crate::{AgentType, FieldErrors, SessionQuery, SessionStatus};

/// The query parameters of `GET /sessions`; see [`SessionQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionParams {
    /// Only sessions with one of these statuses. Cancelled sessions are listed only if requested
    /// here or with `includeArchived`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<SessionStatus>>, style = Form, explode = false, min_items = 1))]
    pub status: Option<String>,
    /// Only sessions of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Only sessions of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Only sessions of this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Only sessions of this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::TaskId>))]
    pub task_id: Option<String>,
    /// Only sessions with all of these labels, as comma-separated `name:value`. Escape a comma or
    /// backslash in a value with a backslash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::LabelList>, inline))]
    pub label: Option<String>,
    /// Includes hidden sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<bool>))]
    pub include_archived: Option<String>,
    /// The page number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// The number of sessions per page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
}

impl TryFrom<SessionParams> for SessionQuery {
    type Error = FieldErrors;

    fn try_from(params: SessionParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let query = Self {
            statuses: reader.list(
                "status",
                params.status.as_deref(),
                "a session's status",
                SessionStatus::from_word,
            ),
            agent: params.agent.map(AgentType::new),
            project_id: params.project_id,
            tenant_id: params.tenant_id,
            task_id: reader.value(
                "taskId",
                params.task_id.as_deref(),
                "a task's id, the 26 characters of a ULID",
                |text| text.parse().ok(),
            ),
            labels: labels(&mut reader, params.label.as_deref()),
            include_archived: reader.flag("includeArchived", params.include_archived.as_deref()),
            page: reader.page(params.page.as_deref(), params.per_page.as_deref()),
        };
        reader.finish(query)
    }
}

impl From<SessionQuery> for SessionParams {
    fn from(query: SessionQuery) -> Self {
        Self {
            status: joined(query.statuses),
            agent: query.agent.map(|agent| agent.as_str().to_owned()),
            project_id: query.project_id,
            tenant_id: query.tenant_id,
            task_id: query.task_id.map(|id| id.to_string()),
            label: joined(
                query
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}:{}", escaped(value))),
            ),
            include_archived: query.include_archived.then(|| true.to_string()),
            page: Some(query.page.page().to_string()),
            per_page: Some(query.page.per_page().to_string()),
        }
    }
}

/// Parses the labels that a session must have. Each name occurs once, because a session has one
/// value for it.
fn labels(reader: &mut Reader, text: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for item in text.map(split).unwrap_or_default() {
        match item.split_once(':') {
            Some((name, _)) if labels.contains_key(name) => {
                reader.refuse("label", format!("has `{}` twice", shown(name)));
            }
            Some((name, value)) => {
                labels.insert(name.to_owned(), value.to_owned());
            }
            None => {
                let message = format!("`{}` is not `name:value`", shown(&item));
                reader.refuse("label", message);
            }
        }
    }
    if let Err(fault) = check_labels(&labels) {
        reader.refuse("label", fault.to_string());
    }
    labels
}
