//! Plans that tenants can subscribe to.

pub(super) mod list;
mod resource;
