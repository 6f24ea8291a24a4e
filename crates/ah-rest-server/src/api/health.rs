//! Health, readiness, metrics and the version of the server (contract §0.8).

use std::path::Path;

use ah_rest_api_contract::{DeepHealth, Health, HealthProbe, HealthStatus, Version};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use futures::FutureExt as _;

use crate::problem::ApiResult;
use crate::state::About;

/// The minimum free space of the state folder's disk, in bytes. Busy agents use it up in a few
/// hours.
const DISK_FREE_MIN: u64 = 256 * 1024 * 1024;

pub(crate) async fn health(State(about): State<About>, headers: HeaderMap) -> ApiResult {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.trim_start().starts_with("text/plain")) {
        return Ok("OK".into_response());
    }
    Ok(Json(Health::new(HealthStatus::Ok, about.clock.now())).into_response())
}

pub(crate) async fn ready(State(about): State<About>) -> ApiResult {
    if let Some(access) = &about.access {
        access.readiness()?;
    }
    Ok(Json(Health::new(HealthStatus::Ready, about.clock.now())).into_response())
}

pub(crate) async fn metrics(State(about): State<About>) -> ApiResult {
    if let Some(access) = &about.access {
        match access.count_sessions().await {
            Ok(counts) => about.metrics.sessions(&counts),
            // The other metrics are useful without this one.
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the sessions cannot be counted"
            ),
        }
    }
    let media_type = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((media_type, about.metrics.render()).into_response())
}

pub(crate) async fn version(State(about): State<About>) -> ApiResult {
    Ok(Json(Version::new(about.version.to_string())).into_response())
}

pub(crate) async fn deep_health(State(about): State<About>) -> ApiResult {
    let mut probes = about
        .access
        .as_ref()
        .map_or_else(Vec::new, |access| access.health_probes());
    probes.push(HealthProbe {
        name: "disk",
        run: async { disk(&about.home) }.boxed(),
    });
    let checks = HealthProbe::run_all(probes).await;
    Ok(Json(DeepHealth::of(checks, about.clock.now())).into_response())
}

/// The detail of a check: its finding, or its failure.
type Finding = Result<String, String>;

/// Checks the free space of the state folder's disk.
fn disk(home: &Path) -> Finding {
    let disk = rustix::fs::statvfs(home).map_err(|error| format!("cannot be examined: {error}"))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let megabytes = free / (1024 * 1024);
    if free < DISK_FREE_MIN {
        return Err(format!("has only {megabytes} MiB left"));
    }
    Ok(format!("has {megabytes} MiB left"))
}
