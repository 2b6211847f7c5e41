//! Errors of queries.

use crate::{auth::RightsReleased, limits::Exhausted};

/// Failure of a query or of its transaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection is available, or the transaction cannot be started.
    #[error("failed to begin a transaction")]
    Begin(#[source] sqlx::Error),
    /// The tenant, or all tenants together, use as many connections as they may.
    #[error("failed to get a connection to the database")]
    Exhausted(#[source] Exhausted),
    /// The request has ended whose rights restrict what it can access.
    #[error("failed to begin a transaction")]
    Rights(#[from] RightsReleased),
    /// A statement failed.
    #[error("failed to {action}")]
    Query {
        /// Purpose of the statement.
        action: &'static str,
        /// Error that the driver returned.
        source: sqlx::Error,
    },
    /// The transaction was not committed.
    #[error("failed to commit a transaction")]
    Commit(#[source] sqlx::Error),
}

impl Error {
    pub(super) fn query(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { action, source }
    }

    /// Returns whether the statement would violate a constraint.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        match self {
            Self::Query { source: sqlx::Error::Database(error), .. } => {
                error.constraint() == Some(constraint)
            }
            _ => false,
        }
    }

    /// Returns whether the database is unavailable or overloaded, so that the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let source = match self {
            Self::Exhausted(_) => return true,
            Self::Rights(_) => return false,
            Self::Begin(source) | Self::Query { source, .. } | Self::Commit(source) => source,
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // SQLSTATE classes: 08 connection exception, 40 transaction rollback, 53 insufficient resources,
            // 57 operator intervention (includes statement timeouts).
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
            _ => false,
        }
    }
}
