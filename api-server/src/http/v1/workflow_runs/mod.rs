//! Runs of workflows.

pub(super) mod bulk;
pub(super) mod cancel;
pub(super) mod decide;
pub(super) mod delete;
pub(super) mod events;
pub(super) mod get;
pub(super) mod list;
pub(super) mod logs;
pub(super) mod output;
pub(super) mod rerun;
pub(super) mod resource;
mod step;
pub(super) mod steps;
pub(super) mod submission;
