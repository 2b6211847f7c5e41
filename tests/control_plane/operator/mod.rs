//! Tests of the operator program with its own service account against a real control plane. No kubelet runs:
//! the tests write what a kubelet and a runner would write.

mod deleted_workflows;
mod finished;
mod fixture;
mod images;
mod losses;
mod memory;
mod neighbours;
mod objects;
mod policies;
mod pool;
mod process;
mod queue;
mod quota;
mod restart;
mod runs;
mod schedules;
mod secrets;
mod suspended;
mod tenants;
mod two_operators;
mod workflows;

use std::time::Duration;

/// Deadline of a wait: ten times the slowest one on two busy cores, which waits for a tenant while other
/// tests kill the operator repeatedly.
const DEADLINE: Duration = Duration::from_secs(60);
