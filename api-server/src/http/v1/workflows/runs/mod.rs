//! The runs of a workflow.

pub(in crate::http::v1) mod list;
pub(in crate::http::v1) mod start;
