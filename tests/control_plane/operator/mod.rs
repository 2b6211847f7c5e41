//! Tests of the operator program with its own service account against a real control plane. No kubelet runs:
//! the tests write what a kubelet and a runner would write.

mod children;
mod definitions;
mod deleted_workflows;
mod drift;
mod events;
mod finished;
mod fixture;
mod images;
mod isolation;
mod losses;
mod memory;
mod neighbours;
mod network_probe;
mod objects;
mod policies;
mod pool;
mod process;
mod queue;
mod quota;
mod refused_deletions;
mod restart;
mod rights;
mod runs;
mod schedules;
mod secrets;
mod shared_namespace;
mod suspended;
mod sweep;
mod tenant_end;
mod tenant_life;
mod tenants;
mod two_operators;
mod usage;
mod vectors;
mod waiting_pods;
mod workflows;

use std::time::Duration;

/// Deadline of a wait: ten times the slowest one on two busy cores, which waits for a tenant while other
/// tests kill the operator repeatedly.
const DEADLINE: Duration = Duration::from_secs(60);
/// Deadline of the deletion of a namespace: the namespace controller deletes one kind after the other, with
/// delays.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(120);
