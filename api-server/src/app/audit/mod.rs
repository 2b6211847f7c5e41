//! The audit log of operations that change something. [`audited`] writes a row before an operation and one after it. REST calls it
//! for every route that does not only read, GraphQL for every mutation, and the jobs that delete data for each deletion. Use cases
//! add what they change with [`record_object`] and [`record_changes`].
//!
//! A use case cannot forget it: without an audit event in progress, no write to Kubernetes gets its permit.

mod changes;
mod jobs;
mod operation;
mod read;
mod reconcile;
mod recorder;
mod requests;
mod verify;

pub use changes::{Change, differences};
pub use jobs::operation_of_job;
pub(in crate::app) use operation::audited_part;
pub use operation::{Ending, Operation, audited};
pub use read::{Filter, count, count_of_platform, get_many, get_many_of_platform, list, list_of_platform};
pub use reconcile::reconcile;
#[cfg(test)]
pub(crate) use reconcile::reconcile_once;
pub(in crate::app) use recorder::{begin_write, client_gone, traceparent};
pub use recorder::{record_changes, record_object, record_refusal};
pub use requests::{operation_of, operation_of_login, operation_of_session, record_refused_read};
pub use verify::verify;
