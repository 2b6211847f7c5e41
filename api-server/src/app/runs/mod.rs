//! Runs of a tenant: reading, starting, cancelling and rerunning them, deciding on approvals, and waiting for the end.

mod approval_form;
mod build;
mod bulk;
mod cancel;
mod change;
mod check;
mod decide;
mod delete;
mod find;
mod get;
mod kubernetes;
mod list;
mod name;
mod output;
mod plan_limits;
mod queue;
mod rerun;
mod start;
mod step;
mod wait;

pub use bulk::{
    BulkRuns, MAX_BULK_RUN_DURATION, Report, Requester, admit, cancel_all, delete_all, rerun_all,
};
pub use cancel::cancel;
pub use decide::{Decide, decide};
pub use delete::delete;
pub(in crate::app) use find::parse as parse_reference;
pub use find::{find, find_row};
pub use get::{RunDetails, details, find_details, get, get_many};
pub use list::{Filter, count, count_by_workflows, list, list_by_workflows, list_columns, list_of_workflow};
pub use name::RunName;
pub use output::{Content, output, step_output};
pub use queue::Queue;
pub use rerun::{Rerun, rerun};
pub use start::{Start, start};
pub use step::{Ending, Failure, Step, parse as parse_steps};
pub use wait::{Waited, wait};
