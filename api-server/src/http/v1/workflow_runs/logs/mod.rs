//! The logs of runs.

mod follow;
pub(in crate::http::v1) mod get;
mod resource;
#[cfg(test)]
mod tests;
