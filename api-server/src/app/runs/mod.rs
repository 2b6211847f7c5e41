//! A tenant's workflow runs: reading, starting, cancelling them, and waiting for their end.

mod build;
mod cancel;
mod check;
mod get;
mod kubernetes;
mod list;
mod name;
mod queue;
mod start;
mod step;
mod wait;

pub use cancel::cancel;
pub use get::{Whole, get, whole};
pub use list::{Filter, list, of_workflows};
pub use name::RunName;
pub use queue::Queue;
pub use start::{Start, start};
pub use step::{Failure, Step, parse as parse_steps};
pub use wait::wait;
