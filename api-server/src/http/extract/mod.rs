//! Extractors like those of axum, whose rejections are problems.

mod json;
mod path;
mod prefer;
mod query;

pub(in crate::http) use json::Json;
pub(in crate::http) use path::Id;
pub(in crate::http) use prefer::Wait;
pub(in crate::http) use query::{Query, read};
