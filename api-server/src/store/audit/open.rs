//! Operations that have no outcome yet.

use uuid::Uuid;

use crate::{db::MirrorPool, store::Error};

/// Maximum number of operations that one call returns.
const LIMIT: i64 = 1_000;

/// Operation without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// Tenant, or [`super::PLATFORM_CHAIN`].
    pub chain: Uuid,
    /// Identifies the operation.
    pub id: Uuid,
}

/// Returns operations whose time is over, oldest first, at most 1,000.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn expired(pool: &MirrorPool) -> Result<Vec<OpenIntent>, Error> {
    sqlx::query_as!(
        OpenIntent,
        r#"select tenant_id as "chain", id from audit_open where expires_at < now() order by expires_at limit $1"#,
        LIMIT
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::query("find interrupted operations"))
}
