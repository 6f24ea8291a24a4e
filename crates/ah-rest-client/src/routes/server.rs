//! How the server is, and which it is.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{DeepHealth, ErrorKind, Health, TaskManagerError, Version};
use serde_json::Value;

use crate::call::{Call, route};
use crate::client::RestClient;

impl RestClient {
    /// Whether the server is alive. Asked once, for what is so now.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] when it is not.
    pub async fn health(&self) -> Result<Health, TaskManagerError> {
        self.json(Call::probe(route!("health"), routes::HEALTH))
            .await
    }

    /// Whether the server takes requests. Asked once, for what is so now.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it does not.
    pub async fn ready(&self) -> Result<Health, TaskManagerError> {
        self.json(Call::probe(route!("ready"), routes::READY)).await
    }

    /// How everything is that the server depends on. Asked once, for what is so now.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError> {
        self.json(Call::probe(route!("deep_health"), routes::DEEP_HEALTH))
            .await
    }

    /// The server's measurements, in the text format of Prometheus.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn metrics(&self) -> Result<String, TaskManagerError> {
        let call = Call::get(route!("metrics"), routes::METRICS);
        self.text(call.accepting("text/plain, application/problem+json")?)
            .await
    }

    /// Which version the server is.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn version(&self) -> Result<Version, TaskManagerError> {
        self.json(Call::get(route!("version"), routes::VERSION))
            .await
    }

    /// The API's OpenAPI document, as this server serves it.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn openapi(&self) -> Result<Value, TaskManagerError> {
        self.json(Call::get(route!("openapi"), routes::OPENAPI))
            .await
    }

    /// The API's documentation, as a page (HTML) for a browser.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn docs(&self) -> Result<String, TaskManagerError> {
        let call = Call::get(route!("docs"), routes::DOCS);
        self.text(call.accepting("text/html, application/problem+json")?)
            .await
    }

    /// What a kind of problem means and what to do about it, as a page (HTML) for a browser. The
    /// same words, without asking anybody, are [`ErrorKind::doc`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when the access point is older than this client, and does not know
    /// the kind.
    pub async fn explain_error(&self, kind: ErrorKind) -> Result<String, TaskManagerError> {
        let call = Call::get(route!("explain_error"), routes::error(kind));
        self.text(call.accepting("text/html, application/problem+json")?)
            .await
    }
}
