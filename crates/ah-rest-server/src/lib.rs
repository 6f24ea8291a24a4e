//! The access point over HTTP: REST for commands, server-sent events for streams.
//!
//! [`serve`] runs a server over any [`AccessPoint`](ah_rest_api_contract::AccessPoint), [`Config`]
//! is its configuration, and [`running`] finds the server that runs on this host.
//!
//! * `config`: the layers of configuration, validated as a whole;
//! * `auth`: keys, and the names that the server answers to;
//! * `router`: the routers of the server's phases, and their layers;
//! * `request`, `throttle`: layers of every request;
//! * `extract`, `idempotency`, `page`, `problem`: from requests to calls, and from results to
//!   responses;
//! * `api`: the handlers, one file per resource;
//! * `streams`: readers as cursors, over SSE;
//! * `serve`, `places`, `lock`: the server's life and its connections.
//!
//! The crate does not depend on an engine. It uses a store only for API keys. It contains no SQL
//! and starts no agent.

mod api;
mod app;
mod auth;
mod clock;
mod config;
mod cors;
mod extract;
mod idempotency;
mod lock;
mod metrics;
mod openapi;
mod page;
mod places;
mod problem;
mod request;
mod router;
mod routes;
mod serve;
mod state;
mod streams;
mod tails;
mod throttle;
mod trust;

pub use auth::{FileError, KeyError, read_published};
pub use clock::ServerClock;
pub use config::{
    CliSection, Config, ConfigEntry, ConfigError, DEFAULT_TOML, FILE_NAME, Layer, SandboxSettings,
    SessionSettings, Sources, TaskSection, WorkspaceSettings, file_of, set,
};
pub use lock::{HomeLock, running};
pub use serve::{Host, ServeError, lock_home, openapi_json, serve};
pub use trust::{TrustError, check_home, make_home};
