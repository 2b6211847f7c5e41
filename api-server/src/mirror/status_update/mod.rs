//! Status updates: reports to Kubernetes which finished runs and which tenants are stored, and copies reused
//! steps from runs that only Postgres still has into the status of new runs.
//!
//! Every update carries the resource version that it was derived from as a precondition, so that it does no
//! harm if two replicas, or a replica and the operator, write the same.

mod archived;
mod condition;
mod mirrored;
mod reuse;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::{
    Client,
    api::{Patch, PatchParams},
};
use serde_json::Value;
use telemetry::clock;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, kube_api};
use crate::{db::MirrorPool, project::Kind};
use archived::RunArchived;
use mirrored::TenantMirrored;
use reuse::ReusedSteps;

/// Maximum number of rows read with one query.
const PAGE_SIZE: i64 = 100;
/// Number of consecutive failures after which the other updates wait for the next attempt: each failure may take the timeout of
/// a request.
const MAX_CONSECUTIVE_FAILURES: u32 = 3;

/// A row whose object may need a status update.
trait PendingUpdate: Sized + Send + Sync {
    /// Purpose of the update, for errors and logs.
    const ACTION: &'static str;
    /// Interval between queries for due updates, which include those that failed before.
    const INTERVAL: Duration;

    /// Returns the next page of rows after the one with this ID, ordered by ID.
    fn due(pool: &MirrorPool, after: Uuid) -> impl Future<Output = Result<Vec<Self>, Error>> + Send;

    /// Returns the ID by which the pages are ordered.
    fn id(&self) -> Uuid;

    /// Builds the patch, or returns `None` if the status needs no update.
    fn patch(
        self,
        compute: &compute::Pool,
        now: Timestamp,
    ) -> impl Future<Output = Option<StatusPatch>> + Send;
}

/// A patch of an object's status. It contains the resource version that it applies to.
struct StatusPatch {
    kind: Kind,
    namespace: Option<String>,
    name: String,
    patch: Patch<Value>,
}

/// Writes all status updates of the mirror.
#[derive(Clone)]
pub(super) struct StatusUpdater {
    pub pool: MirrorPool,
    pub client: Client,
    pub compute: compute::Pool,
    pub stop: CancellationToken,
}

impl StatusUpdater {
    /// Spawns one task per kind of update, which run until `stop` is cancelled. Returns the handles to notify
    /// when changes were stored.
    pub(super) fn start(self, tasks: &mut JoinSet<Result<(), Error>>) -> [Arc<Notify>; 3] {
        let stored = [(); 3].map(|()| Arc::new(Notify::new()));
        let [archived, mirrored, reused] = stored.clone();
        tasks.spawn(self.clone().run::<RunArchived>(archived));
        tasks.spawn(self.clone().run::<TenantMirrored>(mirrored));
        tasks.spawn(self.run::<ReusedSteps>(reused));
        stored
    }

    async fn run<U: PendingUpdate>(self, stored: Arc<Notify>) -> Result<(), Error> {
        loop {
            let updated = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                updated = self.update_all::<U>() => updated,
            };
            if let Err(error) = updated {
                tracing::warn!(
                    action = U::ACTION,
                    error = error.chain(),
                    "a status update failed and is retried"
                );
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = stored.notified() => {}
                () = tokio::time::sleep(U::INTERVAL) => {}
            }
        }
    }

    /// Writes all updates that are due. One that fails does not delay the others; if several in a row fail, Kubernetes cannot
    /// be reached.
    async fn update_all<U: PendingUpdate>(&self) -> Result<(), Error> {
        let (mut after, mut failures, mut outcome) = (Uuid::nil(), 0, Ok(()));
        loop {
            let page = Error::with_timeout(U::ACTION, U::due(&self.pool, after)).await?;
            let Some(last) = page.last() else { return outcome };
            after = last.id();
            for row in page {
                let Some(patch) = row.patch(&self.compute, clock::now()).await else { continue };
                let applied = self.apply(U::ACTION, &patch).await;
                failures = if applied.is_ok() { 0 } else { failures + 1 };
                outcome = outcome.and(applied);
                if failures == MAX_CONSECUTIVE_FAILURES {
                    return outcome;
                }
            }
        }
    }

    /// Sends the patch. A conflict is ignored, since a newer version of the object is about to be mirrored;
    /// any other refusal is logged and does not delay the updates of other objects.
    async fn apply(&self, action: &'static str, patch: &StatusPatch) -> Result<(), Error> {
        let StatusPatch { kind, namespace, name, patch } = patch;
        let api = match namespace {
            Some(namespace) => kube_api::namespaced(&self.client, *kind, namespace),
            None => kube_api::all(&self.client, *kind),
        };
        let params = PatchParams {
            field_manager: Some(crds::constants::API_SERVER_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch_status(name, &params, patch);
        match kube_api::with_timeout(action, patched).await {
            Ok(_) => Ok(()),
            Err(error) => match error.status() {
                Some(404 | 409) => Ok(()),
                Some(status) => {
                    let error = error.chain();
                    tracing::warn!(
                        action,
                        object.name = name,
                        object.namespace = namespace,
                        status,
                        error,
                        "Kubernetes refused a status update"
                    );
                    Ok(())
                }
                None => Err(error),
            },
        }
    }
}
