//! What is to be done for one tenant.

use std::time::Duration;

use uuid::Uuid;

use super::Error;

/// A tenant for which something is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// ID of the tenant; nil if the mirror could not store it.
    pub(super) tenant: Uuid,
    /// UID of the tenant's object.
    pub(super) uid: Uuid,
    /// Name of the tenant.
    pub(super) slug: String,
    /// Resource version of the row that says so.
    pub(super) version: i64,
}

/// What is to be done now, and the time until something else is.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub(super) tasks: Vec<Task>,
    pub(super) next: Option<Duration>,
}

/// Work that some tenants need.
pub(super) trait TenantWork: Clone + Send + Sync + 'static {
    /// Name of the work in logs and metrics.
    const NAME: &'static str;
    /// Maximum number of tenants for which it is done at the same time.
    const CONCURRENCY: usize;

    /// Returns the tenants that need it, according to the database.
    fn due(&self) -> impl Future<Output = Result<Due, Error>> + Send;

    /// Does it for one tenant. It may be repeated, and interrupted at any point.
    fn execute(&self, task: &Task) -> impl Future<Output = Result<(), Error>> + Send;

    /// Counts a failure.
    fn count_failure(&self);
}
