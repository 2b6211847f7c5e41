//! The operator itself, as its own service account, against a real control plane. Nothing runs pods here: what
//! a kubelet and a runner would write, the scenarios write.

mod losses;
mod objects;
mod process;
mod queue;
mod restart;
mod runs;
mod tenants;
mod workflows;
mod world;

use std::time::Duration;

/// Ten times what the slowest of these waits takes on two busy cores.
const DEADLINE: Duration = Duration::from_secs(30);
