//! Events: the changes of a tenant's objects.

pub(super) mod list;
pub(super) mod resource;
