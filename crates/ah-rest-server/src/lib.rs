//! The access point over HTTP: REST for commands, server-sent events for what happens.
//!
//! [`serve`] is the server, [`Config`] what it is told, [`running`] how a client of this host finds
//! the one that runs. The contract's types are what goes over the wire; the engine does the work.
//!
//! * `config`: layers of configuration, judged whole;
//! * `auth`: keys, and the names that requests may use;
//! * `request`, `limits`: what holds for every request;
//! * `extract`, `once`, `page`, `problem`: from requests to calls, and from what they come to to
//!   responses;
//! * `routes`: one file a resource;
//! * `streams`: readers as cursors, over SSE;
//! * `serve`, `lock`: the server's life.
//!
//! The crate knows no SQL and starts no agent.

mod app;
mod auth;
mod config;
mod extract;
mod limits;
mod lock;
mod metrics;
mod once;
mod openapi;
mod page;
mod problem;
mod request;
mod router;
mod routes;
mod serve;
mod streams;

pub use auth::{FileError, KeyError, read_published};
pub use config::{Config, ConfigError, DEFAULT_TOML, FILE_NAME, Layer, Sources};
pub use lock::running;
pub use serve::{Host, ServeError, openapi_json, serve};
