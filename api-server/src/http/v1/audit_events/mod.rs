//! Audit events: what was changed by whom.

pub(super) mod list;
mod resource;
