//! The contract's own tests: what holds for every value, and the exact shapes on the wire.

mod events;
mod ids;
mod lifecycle;
mod manager;
mod pages;
mod round_trips;
mod shapes;
mod sources;
mod strategies;
mod stream;
mod task_rules;
