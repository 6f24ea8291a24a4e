//! The operations whose methods are not generated: schemas and texts.

use ah_rest_api_contract::operations::{self, Operation, paths};
use ah_rest_api_contract::{
    AgentType, AllEventsQuery, AllEventsStream, ErrorKind, TaskId, TaskManagerError,
};
use serde_json::Value;

use crate::call::ApiCall;
use crate::client::RestClient;
use crate::stream::{Everything, follow};

/// The media type of an answer for a browser.
const HTML: &str = "text/html";
/// The media type of an answer for Prometheus.
const PLAIN: &str = "text/plain";

impl RestClient {
    /// Returns the events of all sessions of a task after [`AllEventsQuery::after`], or from the
    /// launch of the task. The stream ends when all of them have ended.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the task is unknown.
    pub async fn task_events(
        &self,
        id: TaskId,
        query: AllEventsQuery,
    ) -> Result<AllEventsStream, TaskManagerError> {
        follow(self.clone(), Everything::of_task(id, query)).await
    }

    /// The JSON Schema of an agent's settings.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the agent is unknown.
    pub async fn get_agent_schema(&self, agent: &AgentType) -> Result<Value, TaskManagerError> {
        let path = paths::get_agent_schema(format!("{agent}.json"));
        self.answer(ApiCall::new(&operations::GET_AGENT_SCHEMA, path)?)
            .await
    }

    /// The server's measurements, in the text format of Prometheus.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn metrics(&self) -> Result<String, TaskManagerError> {
        self.page(&operations::METRICS, paths::metrics(), PLAIN)
            .await
    }

    /// The API's documentation, as a page for a browser.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn docs(&self) -> Result<String, TaskManagerError> {
        self.page(&operations::DOCS, paths::docs(), HTML).await
    }

    /// The explanation of a kind of problem, as a page for a browser. [`ErrorKind::doc`] is the
    /// same text without a request.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the access point is older than this client and does not know the
    /// kind.
    pub async fn explain_error(&self, kind: ErrorKind) -> Result<String, TaskManagerError> {
        let path = kind.type_uri();
        self.page(&operations::EXPLAIN_ERROR, path, HTML).await
    }

    /// The text that an operation answers with.
    async fn page(
        &self,
        operation: &'static Operation,
        path: String,
        media_type: &str,
    ) -> Result<String, TaskManagerError> {
        let accept = format!("{media_type}, application/problem+json");
        self.text(ApiCall::new(operation, path)?.accepting(&accept)?)
            .await
    }
}
