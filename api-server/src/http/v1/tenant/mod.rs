//! The caller's own tenant.

pub(super) mod get;
