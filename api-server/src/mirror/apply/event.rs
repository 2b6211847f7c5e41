//! The tenant's event stream: one row per applied change, numbered without gaps.

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

/// Writes an event. The counter's row stays locked until the transaction ends, so that sequence numbers
/// become visible in order.
pub(super) async fn write(connection: &mut PgConnection, event: Event) -> Result<(), Error> {
    let Event { tenant, kind, id, change, data } = event;
    let (kind, change): (&str, &str) = (kind.into(), change.into());
    sqlx::query!(
        "with next as (
           insert into event_counters as c (tenant_id, last) values ($1, 1)
           on conflict (tenant_id) do update set last = c.last + 1
           returning last
         )
         insert into events (tenant_id, seq, kind, object_id, change, data)
         select $1, last, $2, $3, $4, $5 from next",
        tenant,
        kind,
        id,
        change,
        Json(data) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write an event"))
}
