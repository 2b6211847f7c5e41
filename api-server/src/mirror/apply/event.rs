//! The tenant's stream of changes: one row an applied change, numbered without gaps.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{db::Json, mirror::Error, project::Kind};

/// What happened to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Created,
    Updated,
    Deleted,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Deleted => "DELETED",
        }
    }
}

/// A change of one of a tenant's objects.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub tenant: Uuid,
    pub kind: Kind,
    pub id: Uuid,
    pub what: What,
    /// What a listener wants to know without asking again.
    pub data: Value,
}

/// Writes an event. The counter's row is held until the transaction ends, so numbers become visible in order.
pub(super) async fn write(connection: &mut PgConnection, event: Event) -> Result<(), Error> {
    let Event { tenant, kind, id, what, data } = event;
    sqlx::query!(
        "with next as (
           insert into event_counters as c (tenant_id, last) values ($1, 1)
           on conflict (tenant_id) do update set last = c.last + 1
           returning last
         )
         insert into events (tenant_id, seq, kind, object_id, change, data)
         select $1, last, $2, $3, $4, $5 from next",
        tenant,
        kind.as_str(),
        id,
        what.as_str(),
        Json(data) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("write an event"))
}
