//! Revisions of workflows.

pub(in crate::http::v1) mod get;
pub(in crate::http::v1) mod list;
mod resource;
