//! The whole system as a user has it: the real `ah`, real repositories, real processes.

mod crashes;
mod crowd;
mod processes;
mod setting;
mod spine;
