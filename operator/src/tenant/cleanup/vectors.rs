//! Step: the tenant has no vectors any more.

use super::{Subject, step::Progress};
use crate::{
    errors::chain,
    tenant::vectors::{RemovalError, remove_vectors},
};

/// Removes the vectors of the tenant, and verifies that none are left. A database that cannot be reached is tried again.
pub(super) async fn delete(subject: &Subject<'_>) -> Progress {
    match remove_vectors(subject.ctx, subject.tenant).await {
        Ok(()) => Progress::Complete,
        Err(error @ (RemovalError::Failed(_) | RemovalError::Remaining { .. })) => {
            Progress::Waiting(chain(&error))
        }
        Err(error @ RemovalError::NotConfigured(_)) => Progress::Blocked(chain(&error)),
    }
}
