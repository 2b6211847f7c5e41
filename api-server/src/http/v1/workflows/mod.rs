//! Workflows.

pub(super) mod get;
pub(super) mod list;
mod resource;
pub(super) mod runs;
