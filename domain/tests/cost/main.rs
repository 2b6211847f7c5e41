//! What a tenant writes has a bounded cost: known attacks, and generated inputs.
//!
//! Every case runs in this process. Memory is counted exactly, by an allocator. Time is not asserted beyond a
//! deadline that every attack exceeded by far before it was stopped; the benchmark prints it:
//! `cargo xtask bench cost`.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod allocations;
mod bench;
mod cases;
mod generate;
mod measure;
mod search;

use measure::{Measured, measure};

/// Ten times the second that a case may take on a slow machine without optimisation.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);
/// Maximum memory that a case may occupy at the same time, in bytes. The operator has 256 MiB.
const MAX_BYTES: usize = 64 << 20;

/// Asserts that a case stays within its bounds.
fn assert_bounded(name: &str, measured: &Measured) {
    assert!(measured.time < DEADLINE, "{name} took {:?}", measured.time);
    assert!(measured.peak_bytes < MAX_BYTES, "{name} occupied {} bytes", measured.peak_bytes);
}

/// Every known attack ends within bounded time and memory, whether it is refused or evaluated.
#[test]
fn known_attacks_are_bounded() {
    for case in cases::all() {
        let measured = measure(|| (case.run)());
        assert_bounded(&case.name, &measured);
    }
}
