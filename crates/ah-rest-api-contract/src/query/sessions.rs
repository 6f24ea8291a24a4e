//! Queries for sessions.

use std::collections::BTreeMap;

use super::params::list_query;
use super::reader::{Parameter, Reader, escaped, joined, shown, split};
use crate::task::check_labels;
use crate::{SessionQuery, SessionView};

list_query! {
    /// The query parameters of `GET /sessions`; see [`SessionQuery`].
    SessionParams for SessionQuery {
        /// Only sessions with one of these statuses. Cancelled sessions are listed only if requested
        /// here or with `includeArchived`.
        status list "status" for statuses: (Option<Vec<crate::SessionStatus>>, style = Form, explode = false, min_items = 1);
        /// Only sessions of this agent.
        agent for agent: (Option<String>);
        /// Only sessions of this project.
        project_id for project_id: (Option<String>);
        /// Only sessions of this tenant.
        tenant_id for tenant_id: (Option<String>);
        /// Only sessions of this task.
        task_id for task_id: (Option<crate::TaskId>);
        /// Only sessions with all of these labels, as comma-separated `name:value`. Escape a comma or
        /// backslash in a value with a backslash.
        label list "label" for labels: (Option<crate::openapi::LabelList>, inline);
        /// Only sessions on the repository at this address, as `repo.url` of a session shows it.
        repository for repository: (Option<String>);
        /// Only sessions that were launched at or after this time.
        created_after for created_after: (Option<crate::Timestamp>);
        /// Only sessions that were launched before this time.
        created_before for created_before: (Option<crate::Timestamp>);
        /// Includes hidden sessions.
        include_archived for include_archived: (Option<bool>);
        /// The parts of each session to return. `summary` leaves out the large ones, for lists that
        /// are read often.
        view for view: (Option<SessionView>, inline);
    }
    /// The page number, from 1.
    page;
    /// The number of sessions per page.
    per_page;
}

impl Parameter for SessionView {
    fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self {
        Option::read(reader, field, text).unwrap_or_default()
    }

    fn write(&self) -> Option<String> {
        (*self != Self::default()).then(|| self.to_string())
    }
}

/// Labels that a session must have. Each name occurs once, because a session has one value for it.
impl Parameter for BTreeMap<String, String> {
    fn read(reader: &mut Reader, field: &str, text: Option<&str>) -> Self {
        let mut labels = BTreeMap::new();
        for item in text.map(split).unwrap_or_default() {
            match item.split_once(':') {
                Some((name, _)) if labels.contains_key(name) => {
                    reader.refuse(field, format!("has `{}` twice", shown(name)));
                }
                Some((name, value)) => {
                    labels.insert(name.to_owned(), value.to_owned());
                }
                None => {
                    let message = format!("`{}` is not `name:value`", shown(&item));
                    reader.refuse(field, message);
                }
            }
        }
        if let Err(fault) = check_labels(&labels) {
            reader.refuse(field, fault.to_string());
        }
        labels
    }

    fn write(&self) -> Option<String> {
        joined(
            self.iter()
                .map(|(name, value)| format!("{name}:{}", escaped(value))),
        )
    }
}
