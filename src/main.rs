//! timlake
fn main() {}
