//! The lookup of API keys that `auth` needs.

use crate::{
    auth::{FoundKey, KeyLookup, LookupError},
    db::{AppPool, Timestamp},
    store::{Error, tenants::requests_per_minute},
};

impl KeyLookup for AppPool {
    async fn by_digest(&self, digest: [u8; 32]) -> Result<Option<FoundKey>, LookupError> {
        Ok(by_digest(self, digest).await?)
    }
}

/// Returns the key with a digest, in whichever tenant it is: a function of the database reads it, to which no row is visible
/// otherwise.
async fn by_digest(pool: &AppPool, digest: [u8; 32]) -> Result<Option<FoundKey>, Error> {
    let mut connection = pool.acquire_for_lookup().await.map_err(Error::Begin)?;
    let row = sqlx::query!(
        r#"select key_id as "id!", digest as "digest!", tenant_id as "tenant_id!", slug as "slug!", requests_per_minute, user_id,
             owner_name as "owner_name!", display_name, picture_url, active as "active!", roles as "roles!",
             scopes as "scopes!", expires_at as "expires_at!: Timestamp"
           from find_api_key($1)"#,
        digest.as_slice()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::query("find an API key"))?;
    Ok(row.map(|row| FoundKey {
        id: row.id,
        // A digest of another length equals none.
        digest: row.digest.try_into().unwrap_or_default(),
        tenant: row.tenant_id,
        slug: row.slug,
        requests_per_minute: row.requests_per_minute.and_then(|limit| requests_per_minute(&limit)),
        user: row.user_id,
        owner_name: row.owner_name,
        display_name: row.display_name,
        picture_url: row.picture_url,
        is_active: row.active,
        roles: row.roles,
        scopes: row.scopes,
        expires_at: row.expires_at.to_jiff().as_second(),
    }))
}
