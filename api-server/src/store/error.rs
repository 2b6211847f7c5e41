//! Why a query failed.

/// A query, or the transaction around it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or no transaction on it.
    #[error("failed to begin a transaction")]
    Begin(#[source] sqlx::Error),
    /// A statement failed.
    #[error("failed to {action}")]
    Query {
        /// What the statement was for.
        action: &'static str,
        /// What came back.
        source: sqlx::Error,
    },
    /// The transaction's work was not kept.
    #[error("failed to commit a transaction")]
    Commit(#[source] sqlx::Error),
}

impl Error {
    pub(super) fn query(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { action, source }
    }

    /// Whether the database is away or overloaded, so that the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let (Self::Begin(source) | Self::Query { source, .. } | Self::Commit(source)) = self;
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            // 08 connection, 40 rollback, 53 out of resources, 57 operator intervention (also a statement's timeout).
            sqlx::Error::Database(error) => error
                .code()
                .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
            _ => false,
        }
    }
}
