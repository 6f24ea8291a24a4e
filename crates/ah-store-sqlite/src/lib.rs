//! The embedded store of the access point: SQLite with group commit
