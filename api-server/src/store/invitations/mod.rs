//! Invitations of a tenant.

mod list;
mod mails;

use jiff::SignedDuration;
use uuid::Uuid;

use super::{Error, TenantTx};
use crate::{
    auth::FoundInvitation,
    db::{AppPool, Timestamp},
};

pub use list::{count, list};
pub use mails::{Delivery, DeliveryFailure, MailCount, count_mails, insert_mail, record_delivery};

/// Time after which a mail that is still being sent has failed: the process that sends it, which needs at most half of it, has ended.
pub const MAX_PENDING_TIME: SignedDuration = SignedDuration::from_mins(10);

/// Invitation of a person, without its token.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Invitation {
    /// ID of the invitation.
    pub id: Uuid,
    /// ID of the user that the person becomes.
    pub user_id: Uuid,
    /// Address of the person.
    pub email: String,
    /// Address of whoever has invited the person.
    pub invited_by: String,
    /// Time after which the invitation is void.
    pub expires_at: Timestamp,
    /// Time at which the person has accepted it.
    pub accepted_at: Option<Timestamp>,
    /// Stored state of the mail; see [`Invitation::mail`].
    pub delivery: Delivery,
    /// Stored reason why the mail was not sent.
    pub delivery_failure: Option<DeliveryFailure>,
    /// Time at which the mail was sent, or failed.
    pub delivery_at: Option<Timestamp>,
    /// Time at which the invitation was created.
    pub created_at: Timestamp,
}

/// What became of the mail of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mail {
    /// State.
    pub delivery: Delivery,
    /// Reason why it was not sent; only if it failed.
    pub failure: Option<DeliveryFailure>,
    /// Time at which it was sent, or failed.
    pub at: Option<Timestamp>,
}

impl Invitation {
    /// Returns the state of the mail at a time. A process that ends abruptly leaves mails `PENDING` for good: after some minutes, such a
    /// mail counts as failed.
    #[must_use]
    pub fn mail(&self, now: jiff::Timestamp) -> Mail {
        let deadline = self.created_at.to_jiff() + MAX_PENDING_TIME;
        if self.delivery == Delivery::Pending && now >= deadline {
            let failure = Some(DeliveryFailure::Interrupted);
            return Mail { delivery: Delivery::Failed, failure, at: Some(deadline.into()) };
        }
        Mail { delivery: self.delivery, failure: self.delivery_failure, at: self.delivery_at }
    }
}

/// Invitation to create.
#[derive(Clone, Copy, Debug)]
pub struct NewInvitation<'a> {
    /// ID of the invitation.
    pub id: Uuid,
    /// ID of the user.
    pub user: Uuid,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Address of whoever invites the person.
    pub invited_by: &'a str,
    /// Time after which the invitation is void.
    pub expires_at: Timestamp,
    /// State of the mail.
    pub delivery: Delivery,
}

/// Returns an invitation of the tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Invitation>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the invitations of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Invitation>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Invitation,
        "select i.id, i.user_id, u.email, i.invited_by, i.expires_at, i.accepted_at, i.created_at, i.delivery, i.delivery_failure,
           i.delivery_at
         from invitations i join users u on u.tenant_id = $1 and u.id = i.user_id where i.tenant_id = $1 and i.id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read invitations"))
}

/// Returns the number of invitations of the tenant that can be accepted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn number_of_pending(tx: &mut TenantTx) -> Result<i64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "number!" from invitations
           where tenant_id = $1 and accepted_at is null and expires_at > now()"#,
        tenant
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("count the invitations of the tenant"))
}

/// Creates an invitation.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn insert(tx: &mut TenantTx, invitation: &NewInvitation<'_>) -> Result<(), Error> {
    let NewInvitation { id, user, digest, invited_by, expires_at, delivery } = *invitation;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into invitations (id, tenant_id, user_id, digest, invited_by, expires_at, delivery)
         values ($1, $2, $3, $4, $5, $6, $7)",
        id,
        tenant,
        user,
        digest.as_slice(),
        invited_by,
        expires_at as _,
        delivery as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("create an invitation"))
}

/// Records that an invitation is accepted. Returns false if it was accepted before, has expired or was revoked.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn accept(tx: &mut TenantTx, id: Uuid) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update invitations set accepted_at = now()
         where tenant_id = $1 and id = $2 and accepted_at is null and expires_at > now()",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(|result| result.rows_affected() > 0)
    .map_err(Error::query("accept an invitation"))
}

/// Deletes an invitation. Returns false if there is no such invitation.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from invitations where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(|result| result.rows_affected() > 0)
        .map_err(Error::query("delete an invitation"))
}

/// Returns the invitation with a digest if it can be accepted, in whichever tenant it is: a function of the database reads it, to which
/// no row is visible otherwise.
///
/// # Errors
/// Returns an error if the query fails.
pub(super) async fn by_digest(pool: &AppPool, digest: [u8; 32]) -> Result<Option<FoundInvitation>, Error> {
    let mut connection = pool.acquire_for_lookup().await.map_err(Error::Begin)?;
    sqlx::query_as!(
        FoundInvitation,
        r#"select invitation_id as "id!", tenant_id as "tenant!", slug as "slug!", user_id as "user!", email_key as "email_key!"
           from find_invitation($1)"#,
        digest.as_slice()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::query("find an invitation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mail whose process has ended is reported as failed, and not before the process would have given up.
    #[test]
    fn a_mail_that_nobody_sends_any_more_has_failed() {
        let created: jiff::Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let invitation = Invitation {
            id: Uuid::nil(),
            user_id: Uuid::nil(),
            email: "dora@acme.example".to_owned(),
            invited_by: "anna@acme.example".to_owned(),
            expires_at: created.into(),
            accepted_at: None,
            delivery: Delivery::Pending,
            delivery_failure: None,
            delivery_at: None,
            created_at: created.into(),
        };
        let pending = Mail { delivery: Delivery::Pending, failure: None, at: None };
        assert_eq!(invitation.mail(created + SignedDuration::from_secs(599)), pending);
        let deadline = created + MAX_PENDING_TIME;
        let failed = Mail {
            delivery: Delivery::Failed,
            failure: Some(DeliveryFailure::Interrupted),
            at: Some(deadline.into()),
        };
        assert_eq!(invitation.mail(deadline), failed);
        assert_eq!(invitation.mail(deadline + SignedDuration::from_hours(24)), failed);
    }
}
