//! Runs of a tenant: reading, starting, cancelling and rerunning them, deciding on approvals, and waiting for the end.

mod build;
mod cancel;
mod change;
mod check;
mod content;
mod decide;
mod find;
mod get;
mod kubernetes;
mod list;
mod name;
mod output;
mod queue;
mod rerun;
mod start;
mod step;
mod wait;

pub use cancel::cancel;
pub use content::contents;
pub use decide::{Decide, decide};
pub use find::find;
pub use get::{RunDetails, details, get};
pub use list::{Filter, list, list_by_workflows};
pub use name::RunName;
pub use output::{Content, output, step_output};
pub use queue::Queue;
pub use rerun::{Rerun, rerun};
pub use start::{Start, start};
pub use step::{Ending, Failure, Step, parse as parse_steps};
pub use wait::{Waited, wait};
