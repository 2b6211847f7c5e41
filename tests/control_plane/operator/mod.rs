//! The operator itself, as its own service account, against a real control plane. Nothing runs pods here: what
//! a kubelet and a runner would write, the scenarios write.

mod finished;
mod losses;
mod objects;
mod policies;
mod pool;
mod process;
mod queue;
mod restart;
mod runs;
mod schedules;
mod secrets;
mod suspended;
mod tenants;
mod workflows;
mod world;

use std::time::Duration;

/// Ten times what the slowest of these waits takes on two busy cores: that for a tenant, while other scenarios kill the
/// operator again and again.
const DEADLINE: Duration = Duration::from_secs(60);
