//! Questions about rights: what the caller may do, why, and what a policy would change.

mod checks;
mod explain;
mod resource;
mod simulate;

pub use checks::{Check, CheckedRight, check_all};
pub use explain::{Explained, Rule, Subject, UnmetRule, explain};
pub use resource::ResourceReference;
pub use simulate::{Difference, Draft, MAX_REQUESTS, Simulation, simulate};
