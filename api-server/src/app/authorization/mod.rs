//! Questions about rights: what the caller may do, why, and what a policy would change.

mod checks;
mod explain;
mod permissions;
mod resource;
mod simulate;

pub use checks::{Check, CheckedRight, MAX_CHECKS, check_all};
pub use explain::{Explained, Rule, Subject, UnmetRule, explain};
pub use permissions::permissions;
pub use resource::ResourceReference;
pub use simulate::{DEFAULT_REQUESTS, Difference, Draft, Simulation, simulate};
