//! Mails with which invitations are sent: their number, and what became of them.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    db::Timestamp,
    store::{Error, TenantTx},
};

/// State of the mail of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Delivery {
    /// No SMTP server was configured when the invitation was created.
    NotConfigured,
    /// The mail is being sent.
    Pending,
    /// The SMTP server has accepted the mail.
    Sent,
    /// The mail was not sent.
    Failed,
}

/// Reason why the mail of an invitation was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryFailure {
    /// The SMTP server has refused the mail.
    Refused,
    /// The SMTP server could not be reached, or did not answer in time.
    Unavailable,
    /// The process ended before it knew whether the mail was sent.
    Interrupted,
}

/// Mails that a tenant has sent, this one not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailCount {
    /// Number in the last hour.
    pub in_hour: i64,
    /// Time until the oldest of them is an hour old, in seconds.
    pub hour_seconds: i64,
    /// Number in the last day to the same address.
    pub to_address: i64,
    /// Time until the oldest of them is a day old, in seconds.
    pub address_seconds: i64,
}

/// Counts the mails of the tenant. No other transaction counts or adds mails of the tenant until this one ends.
///
/// # Errors
/// Returns an error if a statement fails.
pub async fn count_mails(tx: &mut TenantTx, address_digest: [u8; 32]) -> Result<MailCount, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('mails of ' || $1::text, 0))",
        tenant.to_string()
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("lock the mails of a tenant"))?;
    sqlx::query_as!(
        MailCount,
        r#"with old as (
             delete from invitation_mails where tenant_id = $1 and created_at <= now() - interval '1 day'
           )
           select count(*) filter (where created_at > now() - interval '1 hour') as "in_hour!",
             coalesce(ceil(extract(epoch from
               min(created_at) filter (where created_at > now() - interval '1 hour') + interval '1 hour' - now()
             )), 0)::bigint as "hour_seconds!",
             count(*) filter (where address_digest = $2) as "to_address!",
             coalesce(ceil(extract(epoch from
               min(created_at) filter (where address_digest = $2) + interval '1 day' - now()
             )), 0)::bigint as "address_seconds!"
           from invitation_mails where tenant_id = $1 and created_at > now() - interval '1 day'"#,
        tenant,
        address_digest.as_slice()
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("count the mails of a tenant"))
}

/// Adds a mail to those that are counted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn insert_mail(tx: &mut TenantTx, id: Uuid, address_digest: [u8; 32]) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into invitation_mails (id, tenant_id, address_digest) values ($1, $2, $3)",
        id,
        tenant,
        address_digest.as_slice()
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("add a mail of a tenant"))
}

/// Records what became of the mail of an invitation. An invitation that was revoked meanwhile is not changed.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn record_delivery(
    tx: &mut TenantTx,
    id: Uuid,
    result: Result<(), DeliveryFailure>,
    at: Timestamp,
) -> Result<(), Error> {
    let delivery = if result.is_ok() { Delivery::Sent } else { Delivery::Failed };
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update invitations set delivery = $3, delivery_failure = $4, delivery_at = $5
         where tenant_id = $1 and id = $2 and delivery = 'PENDING'",
        tenant,
        id,
        delivery as _,
        result.err() as _,
        at as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record the delivery of an invitation"))
}
