//! Finished runs that are stored have the condition `Archived`: the operator retires no other.

use std::time::Duration;

use crds::conditions::{ARCHIVED, ConditionUpdate, TRUE};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    PAGE, Row, Write,
    condition::{self, Seen},
};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// A finished run whose object does not say that it is stored.
pub(super) struct Archived {
    id: Uuid,
    name: String,
    namespace: String,
    resource_version: i64,
    generation: i64,
}

impl Row for Archived {
    const ACTION: &'static str = "mark a run as archived";
    const SWEEP: Duration = Duration::from_secs(30);

    async fn due(pool: &MirrorPool, after: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as!(
            Self,
            "select r.id, r.name, t.namespace, r.resource_version, r.generation
             from workflow_runs r join tenants t on t.id = r.tenant_id and t.deleted_at is null
             where r.live and r.finished and not r.archived and r.uid is not null and r.id > $1
             order by r.id limit $2",
            after,
            PAGE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find finished runs that are not marked"))
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn write(&self, now: Timestamp) -> Option<Write> {
        let Self { id: _, name, namespace, resource_version, generation } = self;
        let seen = Seen {
            kind: Kind::WorkflowRun,
            namespace: Some(namespace),
            name,
            resource_version: *resource_version,
            condition: None,
        };
        let stored = ConditionUpdate {
            kind: ARCHIVED,
            status: TRUE,
            reason: "Stored",
            message: "The run is stored in the database.".to_owned(),
            generation: Some(*generation),
        };
        condition::write(seen, stored, now)
    }
}
