//! What requests read, and the little that they write, in Postgres.
//!
//! Every query names its tenant, by a transaction that only a scope out of `auth` can open; row-level security
//! holds the same line once more. Absence is `None`, never an error.

mod cursor;
mod error;
pub mod idempotency;
pub mod logs;
pub mod outputs;
mod page;
pub mod plans;
pub mod runs;
pub mod tenants;
mod tx;
pub mod workflows;

pub use cursor::{CursorKey, CursorKeyError, InvalidCursor};
pub use error::Error;
pub use page::{Limit, Order, Page, Position};
pub use plans::Plan;
pub use runs::{CancelMode, Run, RunContent, RunStatus};
pub use tenants::{Tenant, TenantState};
pub use tx::{PlatformTx, TenantTx};
pub use workflows::{Workflow, WorkflowState};
