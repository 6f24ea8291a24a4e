//! How the server is, and which it is.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{DeepHealth, Health, TaskManagerError, Version};
use serde_json::Value;

use crate::call::Call;
use crate::client::RestClient;

impl RestClient {
    /// Whether the server is alive. Asked once, for what is so now.
    ///
    /// # Errors
    /// [`ah_rest_api_contract::ErrorKind::Unreachable`] when it is not.
    pub async fn health(&self) -> Result<Health, TaskManagerError> {
        self.json(Call::probe(routes::HEALTH)).await
    }

    /// Whether the server takes requests. Asked once, for what is so now.
    ///
    /// # Errors
    /// [`ah_rest_api_contract::ErrorKind::Unavailable`] when it does not.
    pub async fn ready(&self) -> Result<Health, TaskManagerError> {
        self.json(Call::probe(routes::READY)).await
    }

    /// How everything is that the server depends on. Asked once, for what is so now.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
        self.json(Call::probe(routes::DEEP_HEALTH)).await
    }

    /// The server's measurements, in the text format of Prometheus.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn metrics(&self) -> Result<String, TaskManagerError> {
        let call = Call::get(routes::METRICS);
        self.text(call.accepting("text/plain, application/problem+json")?)
            .await
    }

    /// Which version the server is.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn version(&self) -> Result<Version, TaskManagerError> {
        self.json(Call::get(routes::VERSION)).await
    }

    /// The API's OpenAPI document, as this server serves it.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn openapi(&self) -> Result<Value, TaskManagerError> {
        self.json(Call::get(routes::OPENAPI)).await
    }
}
