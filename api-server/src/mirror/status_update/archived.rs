//! Sets the condition `Archived` on finished runs that are stored. The operator deletes a finished run only
//! once it has this condition.

use std::time::Duration;

use crds::conditions::{ARCHIVED, ConditionUpdate, TRUE};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    PAGE_SIZE, PendingUpdate, StatusPatch,
    condition::{self, ObservedObject},
};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// A finished run that is stored and whose object lacks the condition.
pub(super) struct RunArchived {
    id: Uuid,
    name: String,
    namespace: String,
    resource_version: i64,
    generation: i64,
}

impl PendingUpdate for RunArchived {
    const ACTION: &'static str = "mark a run as archived";
    const INTERVAL: Duration = Duration::from_secs(30);

    async fn due(pool: &MirrorPool, after: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as!(
            Self,
            "select r.id, r.name, t.namespace, r.resource_version, r.generation
             from workflow_runs r join tenants t on t.id = r.tenant_id and t.deleted_at is null
             where r.live and r.finished and not r.archived and r.uid is not null and r.id > $1
             order by r.id limit $2",
            after,
            PAGE_SIZE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find finished runs without the condition Archived"))
    }

    fn id(&self) -> Uuid {
        self.id
    }

    async fn patch(self, _: &compute::Pool, now: Timestamp) -> Option<StatusPatch> {
        let Self { id: _, name, namespace, resource_version, generation } = &self;
        let observed = ObservedObject {
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
        condition::patch(observed, stored, now)
    }
}
