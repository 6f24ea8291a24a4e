//! How the server is (contract §0.8).

use std::collections::BTreeMap;
use std::time::Instant;

use ah_rest_api_contract::{
    CheckStatus, DeepHealth, Health, HealthCheck, HealthStatus, SessionStatus, Version,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;

/// How much room the disk of the state folder has to have, in bytes: a few hours of busy agents.
const DISK_FREE_MIN: u64 = 256 * 1024 * 1024;

#[utoipa::path(
    get,
    path = "/health",
    responses((
        status = 200,
        description = "The server is alive; `OK` for whoever would have text.",
        content((Health = "application/json"), (String = "text/plain"))
    ))
)]
pub(crate) async fn health(State(app): State<App>, headers: HeaderMap) -> Answered {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.trim_start().starts_with("text/plain")) {
        return Ok("OK".into_response());
    }
    Ok(Json(Health {
        status: HealthStatus::Ok,
        timestamp: app.now(),
    })
    .into_response())
}

#[utoipa::path(
    get,
    path = "/ready",
    responses((status = 200, description = "The server takes requests.", body = Health))
)]
pub(crate) async fn ready(State(app): State<App>) -> Answered {
    app.engine()?;
    Ok(Json(Health {
        status: HealthStatus::Ready,
        timestamp: app.now(),
    })
    .into_response())
}

#[utoipa::path(
    get,
    path = "/metrics",
    responses((
        status = 200,
        description = "Measurements, in the text format of Prometheus.",
        content((String = "text/plain"))
    ))
)]
pub(crate) async fn metrics(State(app): State<App>) -> Answered {
    // Whoever measures wants the rest even when the store does not answer.
    match app.store().count_sessions().await {
        Ok(counts) => app.metrics().sessions(&counts),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the sessions cannot be counted"
        ),
    }
    let media_type = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((media_type, app.metrics().render()).into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/version",
    responses((status = 200, description = "The server's version.", body = Version))
)]
pub(crate) async fn version(State(app): State<App>) -> Answered {
    Ok(Json(Version {
        version: app.version().to_owned(),
        commit: None,
        build_date: None,
    })
    .into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/health/deep",
    responses((status = 200, description = "What was looked at.", body = DeepHealth))
)]
pub(crate) async fn deep_health(State(app): State<App>) -> Answered {
    let checks = BTreeMap::from([
        ("store".to_owned(), timed(store(&app)).await),
        ("disk".to_owned(), timed(disk(&app)).await),
        ("sessions".to_owned(), timed(sessions(&app)).await),
    ]);
    Ok(Json(DeepHealth::of(checks, app.now())).into_response())
}

/// What a check found, in words; or what is wrong.
type Finding = Result<String, String>;

async fn timed(check: impl Future<Output = Finding>) -> HealthCheck {
    let started = Instant::now();
    let found = check.await;
    let took = started.elapsed().as_millis();
    let (status, detail) = match found {
        Ok(detail) => (CheckStatus::Ok, detail),
        Err(detail) => (CheckStatus::Failed, detail),
    };
    HealthCheck {
        status,
        detail: Some(detail),
        duration_ms: u64::try_from(took).unwrap_or(u64::MAX),
    }
}

/// Writes to the store: forgets the replies whose time is over, which has to be done anyway.
async fn store(app: &App) -> Finding {
    match app.store().sweep_replies(app.now()).await {
        Ok(_) => Ok("can be written".to_owned()),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the store cannot be written"
            );
            Err("cannot be written; the server's log says why".to_owned())
        }
    }
}

async fn disk(app: &App) -> Finding {
    let disk =
        rustix::fs::statvfs(app.home()).map_err(|error| format!("cannot be looked at: {error}"))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let megabytes = free / (1024 * 1024);
    if free < DISK_FREE_MIN {
        return Err(format!("has only {megabytes} MiB left"));
    }
    Ok(format!("has {megabytes} MiB left"))
}

async fn sessions(app: &App) -> Finding {
    match app.store().count_sessions().await {
        Ok(counts) => {
            let count = |status| counts.get(&status).copied().unwrap_or_default();
            let words = [SessionStatus::Running, SessionStatus::Queued]
                .map(|status| format!("{} {status}", count(status)));
            Ok(words.join(", "))
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the sessions cannot be counted");
            Err("cannot be counted; the server's log says why".to_owned())
        }
    }
}
