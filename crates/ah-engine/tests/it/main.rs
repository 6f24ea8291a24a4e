//! The engine over a real store, with agents that the test plays and a clock that it turns.

mod crashes;
mod host;
mod life;
mod steering;
mod streams;
mod world;
