//! Tells Kubernetes which finished runs are stored, by the condition `Archived`: the operator retires no other.

use std::{sync::Arc, time::Duration};

use kube::{
    Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use telemetry::clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, kube_api};
use crate::{db::MirrorPool, project::Kind};

/// A run that could not be marked is tried again after this.
const SWEEP: Duration = Duration::from_secs(30);
/// Runs read at once.
const PAGE: i64 = 100;

/// Marks finished runs.
pub(super) struct Archiver {
    pub pool: MirrorPool,
    pub client: Client,
    /// Told when there may be something to do.
    pub written: Arc<Notify>,
    pub stop: CancellationToken,
}

/// A finished run whose object does not say that it is stored.
struct Unmarked {
    id: Uuid,
    name: String,
    namespace: String,
    resource_version: i64,
    generation: i64,
}

impl Archiver {
    /// Marks runs as they finish, until it is stopped.
    pub(super) async fn run(self) -> Result<(), Error> {
        loop {
            let swept = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                swept = self.sweep() => swept,
            };
            if let Err(error) = swept {
                tracing::warn!(error = error.chain(), "marking finished runs goes on later");
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = self.written.notified() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    async fn sweep(&self) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            let page = unmarked(&self.pool, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for run in &page {
                self.mark(run).await?;
            }
        }
    }

    /// Applies the condition to the very version that is stored. A conflict means that a newer one is on its way;
    /// what the API server refuses is said once a sweep, and does not hold the others up.
    async fn mark(&self, run: &Unmarked) -> Result<(), Error> {
        let api = kube_api::namespaced(&self.client, Kind::WorkflowRun, &run.namespace);
        let params = PatchParams::apply(crds::constants::API_SERVER_MANAGER);
        let patch = Patch::Apply(condition(run, clock::now()));
        let patched = api.patch_status(&run.name, &params, &patch);
        let error = match kube_api::bounded("mark a run as archived", patched).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.status() {
            Some(404 | 409) => Ok(()),
            Some(status) => {
                tracing::warn!(
                    run.name = run.name,
                    run.namespace = run.namespace,
                    status,
                    error = error.chain(),
                    "a finished run cannot be marked"
                );
                Ok(())
            }
            None => Err(error),
        }
    }
}

async fn unmarked(pool: &MirrorPool, after: Uuid) -> Result<Vec<Unmarked>, Error> {
    sqlx::query_as!(
        Unmarked,
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

fn condition(run: &Unmarked, now: jiff::Timestamp) -> Value {
    json!({
        "apiVersion": format!("{}/{}", crds::GROUP, crds::VERSION),
        "kind": "WorkflowRun",
        "metadata": {
            "name": run.name,
            "namespace": run.namespace,
            "resourceVersion": run.resource_version.to_string(),
        },
        "status": {"conditions": [{
            "type": "Archived",
            "status": "True",
            "reason": "Stored",
            "message": "The run is stored in the database.",
            "observedGeneration": run.generation,
            "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }]},
    })
}
