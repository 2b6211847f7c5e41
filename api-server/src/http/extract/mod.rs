//! Extractors like those of axum, whose rejections are problems.

mod enum_name;
mod json;
mod merge_patch;
mod path;
mod prefer;
mod query;
mod run_id;
mod upload;

pub(in crate::http) use enum_name::{canonical, enum_name, optional_enum_name};
pub(in crate::http) use json::Json;
pub(in crate::http) use merge_patch::{MergePatch, present};
pub(in crate::http) use path::Id;
pub(in crate::http) use prefer::Wait;
pub(in crate::http) use query::{Query, read};
pub(in crate::http) use run_id::{RunId, RunReference};
pub(in crate::http) use upload::Upload;
