//! The contract's own tests: what holds for every value, and the exact shapes on the wire.

mod access;
mod events;
mod ids;
mod lifecycle;
mod manager;
#[cfg(feature = "openapi")]
mod openapi;
mod operations;
mod pages;
mod queries;
mod round_trips;

mod shapes;
mod sources;
mod strategies;
mod stream;
mod task_rules;
