//! The caller.

pub(super) mod get;
pub(super) mod permissions;
