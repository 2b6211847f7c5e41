//! Tests of the end of tenants with a real API server, the operator program, and the api-server's mirror and tenant ends with a real
//! Postgres and a directory as object storage.
//!
//! They have a test program of their own, so that the mirror writes the status of no object that another test compares.

mod fixture;
mod order;
mod platform;
mod purge;

use std::time::Duration;

/// Deadline of a wait: ten times the slowest one, the deletion of a namespace, on two busy cores.
const DEADLINE: Duration = Duration::from_secs(120);
