//! Workflow runs.

pub(super) mod cancel;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;
pub(super) mod steps;
