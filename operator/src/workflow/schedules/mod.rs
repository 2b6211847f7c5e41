//! Schedules of a workflow: the plan, and the creation of the runs that are due.

mod plan;
mod start;
mod summary;

pub(super) use plan::{SchedulePlan, condition, plan, suspension_reason};
pub(super) use start::start_runs;
pub(super) use summary::summary;
