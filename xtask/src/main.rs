//! ah.
fn main() {}
