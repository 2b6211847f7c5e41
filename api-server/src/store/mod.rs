//! Queries and writes of requests in Postgres.
//!
//! Every query names its tenant: it takes a transaction that only a scope made by `auth` can open, and
//! row-level security enforces the same once more. A missing row is `None`, never an error.

pub mod api_keys;
pub mod audit;
mod content_size;
mod cursor;
pub mod documents;
mod error;
pub mod events;
pub mod export;
pub mod idempotency;
pub mod invitations;
pub mod logs;
pub mod outputs;
mod page;
pub mod plans;
pub mod policies;
#[cfg(test)]
mod query_plans;
pub mod rights;
mod role_lookup;
pub mod role_policies;
pub mod roles;
pub mod runs;
pub mod service_accounts;
pub mod sessions;
mod tenant_lookup;
pub mod tenants;
#[cfg(test)]
mod tests;
mod tx;
pub mod usage;
pub mod users;
pub mod workflows;

pub use content_size::{ContentSize, InlineContent};
pub use cursor::{CursorKey, CursorKeyError, InvalidCursor};
pub use error::Error;
pub use page::{Count, Created, Limit, Order, Page, Position};
pub use plans::Plan;
pub use policies::Policy;
pub use rights::Target;
pub use roles::Role;
pub use runs::{CancelMode, Run, RunContent, RunReference, RunStatus};
pub use tenants::{Tenant, TenantIdentity, TenantState, TenantToWrite};
pub use tx::{PlatformTx, TenantTx};
pub use users::{User, UserStatus};
pub use workflows::{Workflow, WorkflowContent, WorkflowIdentity, WorkflowState};
