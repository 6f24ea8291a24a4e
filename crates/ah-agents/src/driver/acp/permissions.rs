//! The permission requests of an agent that wait for an answer.

use std::collections::HashMap;

use ah_rest_api_contract::{PermissionOption, PermissionOptionKind};
use serde_json::{Value, json};

use super::quirks::Quirks;

/// The maximum number of permission requests that wait for an answer. Further ones are cancelled.
const OPEN_PERMISSIONS_MAX: usize = 256;

/// An unanswered permission request.
#[derive(Debug)]
pub(super) struct OpenPermission {
    /// The agent's id of the request.
    pub(super) id: Value,
    /// The calls that it covers.
    pub(super) calls: Vec<String>,
    /// The options that refuse it.
    refusals: Vec<String>,
}

impl OpenPermission {
    /// Returns true if the answer with this option refuses the request. `None` cancels it.
    pub(super) fn is_refused_by(&self, option: Option<&str>) -> bool {
        option.is_none_or(|option| self.refusals.iter().any(|it| it == option))
    }
}

/// The open permission requests, by a key of ours: agents reuse the ids of their requests.
#[derive(Debug, Default)]
pub(super) struct OpenPermissions {
    open: HashMap<String, OpenPermission>,
    /// The number of requests so far.
    count: u64,
}

impl OpenPermissions {
    /// Returns true if no further request can be open.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= OPEN_PERMISSIONS_MAX
    }

    /// Adds the request with the agent's `id`, and returns its key.
    pub(super) fn add(
        &mut self,
        id: &Value,
        calls: Vec<String>,
        options: &[PermissionOption],
    ) -> String {
        let refusals = options
            .iter()
            .filter(|option| option.kind.rejects())
            .map(|option| option.id.clone())
            .collect();
        self.count += 1;
        let key = self.count.to_string();
        let open = OpenPermission {
            id: id.clone(),
            calls,
            refusals,
        };
        self.open.insert(key.clone(), open);
        key
    }

    /// Removes the request with this key.
    pub(super) fn take(&mut self, key: &str) -> Option<OpenPermission> {
        self.open.remove(key)
    }
}

/// Returns the answer to a permission request (ACP, `RequestPermissionOutcome`).
pub(super) fn outcome(option: Option<&str>) -> Value {
    match option {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    }
}

/// Reads the options of a permission request. Options of an unknown kind are shown, and no policy
/// selects one.
pub(super) fn read_options(options: &Value, quirks: &Quirks) -> Vec<PermissionOption> {
    let options = options.as_array().into_iter().flatten();
    let read = |option: &Value| {
        let id = option["optionId"].as_str().or(option["id"].as_str())?;
        let kind = option["kind"]
            .as_str()
            .filter(|_| !quirks.odd_options.contains(&id));
        let kind = kind.and_then(PermissionOptionKind::from_word);
        Some(PermissionOption::new(
            id.to_owned(),
            option["name"].as_str().unwrap_or(id).to_owned(),
            kind.unwrap_or(PermissionOptionKind::Unknown),
        ))
    };
    options.filter_map(read).collect()
}
