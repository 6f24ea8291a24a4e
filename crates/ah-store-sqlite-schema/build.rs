//! Rebuilds the crate when a migration is added. Cargo tracks only files that are compiled in.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
}
