//! The authenticated user.

pub(super) mod get;
pub(super) mod permissions;
