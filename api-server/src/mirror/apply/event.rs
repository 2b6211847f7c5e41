//! The tenant's event stream: one row per change that callers can see, numbered without gaps.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{db::Json, mirror::Error, project::Kind};

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ChangeKind {
    Created,
    Updated,
    Deleted,
}

/// A change of one of a tenant's objects.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub tenant: Uuid,
    pub kind: Kind,
    pub id: Uuid,
    pub change: ChangeKind,
    /// The fields that a subscriber needs without another request.
    pub data: Value,
}

/// Writes the events of a transaction, as its last statements: the counter of each tenant stays locked until the transaction ends,
/// so that sequence numbers become visible in order. The counters are locked in one order, so that no deadlock is possible.
pub(super) async fn write(connection: &mut PgConnection, events: &[Event]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut next = reserve(connection, events).await?;
    let sequence: Vec<i64> = events
        .iter()
        .map(|event| {
            let next = next.entry(event.tenant).or_default();
            *next += 1;
            *next
        })
        .collect();
    let tenants: Vec<Uuid> = events.iter().map(|event| event.tenant).collect();
    let kinds: Vec<String> = events.iter().map(|event| event.kind.to_string()).collect();
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    let changes: Vec<String> = events.iter().map(|event| <&str>::from(event.change).to_owned()).collect();
    let data: Vec<_> = events.iter().map(|event| Json(&event.data)).collect();
    sqlx::query!(
        "insert into events (tenant_id, seq, kind, object_id, change, data)
         select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::json[])",
        &tenants,
        &sequence,
        &kinds,
        &ids,
        &changes,
        &data as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write events"))
}

/// Advances the counters, and returns the last number of each tenant before these events.
async fn reserve(connection: &mut PgConnection, events: &[Event]) -> Result<HashMap<Uuid, i64>, Error> {
    let mut counts = HashMap::<Uuid, i64>::new();
    for event in events {
        *counts.entry(event.tenant).or_default() += 1;
    }
    let (tenants, numbers): (Vec<Uuid>, Vec<i64>) = counts.iter().unzip();
    let rows = sqlx::query!(
        "insert into event_counters as c (tenant_id, last)
         select tenant_id, number from unnest($1::uuid[], $2::bigint[]) as counted (tenant_id, number) order by tenant_id
         on conflict (tenant_id) do update set last = c.last + excluded.last
         returning tenant_id, last",
        &tenants,
        &numbers
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("number events"))?;
    Ok(rows
        .into_iter()
        .map(|row| (row.tenant_id, row.last - counts.get(&row.tenant_id).copied().unwrap_or_default()))
        .collect())
}
