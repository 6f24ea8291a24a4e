//! A new migration makes this crate anew; cargo sees only the files that are already compiled in.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
}
