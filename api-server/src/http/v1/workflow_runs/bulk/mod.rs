//! The same action on up to 100 runs, with a result for each.

mod body;
pub(in crate::http::v1) mod cancel;
pub(in crate::http::v1) mod delete;
pub(in crate::http::v1) mod rerun;
