//! Plans.

pub(super) mod list;
mod resource;
