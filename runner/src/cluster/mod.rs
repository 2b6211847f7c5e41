//! Access to the Kubernetes objects in the tenant's namespace that the runner reads and writes.

mod api;
mod child_runs;
mod errors;
mod kubernetes;
mod revision;
mod tenant;

#[cfg(test)]
pub(crate) use api::Revision;
pub(crate) use api::{ChildRunEvent, ClusterApi};
pub(crate) use errors::{CreateError, ReadError, WriteError};
pub(crate) use kubernetes::Kubernetes;
pub(crate) use tenant::TenantConfig;
