//! The tenant of the authenticated user.

pub(super) mod get;
pub(super) mod update;
