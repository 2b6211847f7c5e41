//! The lookup of users that `auth` needs.

use crate::{
    auth::{FoundInvitation, FoundLogin, FoundUser, Identity, LookupError, TenantScope, UserLookup},
    db::AppPool,
    store::{Error, TenantTx, invitations, tenants::requests_per_minute},
};

impl UserLookup for AppPool {
    async fn by_identity(&self, identity: &Identity) -> Result<FoundLogin, LookupError> {
        Ok(by_identity(self, identity).await?)
    }

    async fn by_invitation(&self, digest: [u8; 32]) -> Result<Option<FoundInvitation>, LookupError> {
        Ok(invitations::by_digest(self, digest).await?)
    }

    async fn has_active_user(&self, scope: TenantScope) -> Result<bool, LookupError> {
        let mut tx = TenantTx::begin(self, scope).await?;
        let (connection, tenant) = tx.connection_and_tenant();
        let found = sqlx::query_scalar!(
            r#"select exists (select from users where tenant_id = $1 and status = 'ACTIVE') as "exists!""#,
            tenant
        )
        .fetch_one(connection)
        .await
        .map_err(Error::query("find an active user of a tenant"))?;
        Ok(found)
    }
}

/// Returns the user of an identity, or the invited users with its address, in whichever tenant they are: a function of the database
/// reads them, to which no row is visible otherwise.
async fn by_identity(pool: &AppPool, identity: &Identity) -> Result<FoundLogin, Error> {
    let Identity { issuer, subject, email_key } = identity;
    let mut connection = pool.acquire_for_lookup().await.map_err(Error::Begin)?;
    let rows = sqlx::query!(
        r#"select user_id as "user_id!", tenant_id as "tenant_id!", slug as "slug!", requests_per_minute, status as "status!",
             email as "email!", display_name, picture_url, roles as "roles!", bound as "bound!"
           from find_login($1, $2, $3)"#,
        issuer,
        subject,
        email_key.as_deref()
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::query("find the user of an identity"))?;
    let mut invited = Vec::new();
    for row in rows {
        let user = FoundUser {
            id: row.user_id,
            tenant: row.tenant_id,
            slug: row.slug,
            requests_per_minute: row.requests_per_minute.and_then(|limit| requests_per_minute(&limit)),
            is_active: row.status == "ACTIVE",
            email: row.email,
            display_name: row.display_name,
            picture_url: row.picture_url,
            roles: row.roles,
        };
        match row.bound {
            true => return Ok(FoundLogin::User(user)),
            false => invited.push(user),
        }
    }
    Ok(if invited.is_empty() { FoundLogin::Unknown } else { FoundLogin::Invited(invited) })
}
