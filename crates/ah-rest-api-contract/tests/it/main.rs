//! Tests of the contract: properties of all values, and the exact wire forms.

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
