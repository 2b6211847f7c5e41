//! Tests of the program: each document is parsed by a process of its own, as the api-server does it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests fail by panicking"
)]

mod chunks;
mod failures;
mod fixtures;
mod limits;
mod process;
mod types;
