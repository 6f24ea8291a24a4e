//! The session machine: lifecycle, scheduling, supervision, streams and recovery behind the TaskManager trait
