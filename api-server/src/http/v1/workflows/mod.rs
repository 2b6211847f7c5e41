//! Workflows.

pub(super) mod archive;
pub(super) mod create;
mod definition;
pub(super) mod get;
pub(super) mod list;
mod resource;
pub(super) mod revisions;
pub(super) mod runs;
pub(super) mod update;
