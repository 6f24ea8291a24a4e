//! The schemas of the settings of agents (contract §4.7).

use ah_rest_api_contract::{Agent, ErrorKind, Page};
use axum::Json;
use axum::extract::Path;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use crate::extract::Access;
use crate::problem::{ApiError, ApiResult};

pub(crate) async fn get_agent_schema(
    Access(access): Access,
    uri: Uri,
    Path(_file): Path<String>,
) -> ApiResult {
    let agents = Page::all(|page| access.list_agents(page)).await?;
    let agent = agents
        .items
        .into_iter()
        .find(|agent| agent.settings_schema_ref == uri.path())
        .ok_or_else(|| ApiError::new(ErrorKind::NotFound, "there is no such schema"))?;
    Ok(Json(schema(&agent)).into_response())
}

/// Returns the JSON Schema of an agent's settings, which depend on its driver.
fn schema(agent: &Agent) -> Value {
    let properties = match agent.driver.as_str() {
        "scenario" => json!({
            "scenario": {
                "description": "The name of a built-in scenario, or a scenario; `demo` when absent.",
                "type": ["string", "object", "null"],
            },
            "speed": {
                "description": "The factor on the scenario's delays.",
                "type": ["number", "null"],
                "minimum": 0.01,
            },
            "defines": {
                "description": "Symbols that the scenario's rules and texts may name.",
                "type": ["object", "null"],
            },
        }),
        "acp" => json!({
            "mode": {
                "description": "One of the modes that the agent offers, by its id.",
                "type": "string",
                "minLength": 1,
            },
        }),
        _ => json!({}),
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": agent.settings_schema_ref,
        "title": format!("Settings of the agent {}", agent.agent_type),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}
