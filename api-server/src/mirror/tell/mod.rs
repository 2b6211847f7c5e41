//! What Kubernetes is told of what is stored: that finished runs and tenants are, and, for runs that take over outputs
//! of runs which are only here, those outputs.
//!
//! Each is written to the very version that was read, so that it does no harm if two replicas, or the operator, do
//! the same.

mod archived;
mod condition;
mod mirrored;
mod seeded;

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
use archived::Archived;
use mirrored::Mirrored;
use seeded::Seeded;

/// Rows read at once.
const PAGE: i64 = 100;

/// A row that Kubernetes may have to be told something of.
trait Row: Sized + Send + Sync {
    /// What is told, for errors and logs.
    const ACTION: &'static str;
    /// What could not be told is tried again after this.
    const SWEEP: Duration;

    /// The next rows after the one of this id, in the order of ids.
    fn due(pool: &MirrorPool, after: Uuid) -> impl Future<Output = Result<Vec<Self>, Error>> + Send;

    /// What its place among the others is.
    fn id(&self) -> Uuid;

    /// What is to be written; none where that is nothing.
    fn write(&self, now: Timestamp) -> Option<Write>;
}

/// A write to an object's status. The patch names the version that it is for.
struct Write {
    kind: Kind,
    namespace: Option<String>,
    name: String,
    patch: Patch<Value>,
}

/// Tells what there is to tell.
#[derive(Clone)]
pub(super) struct Teller {
    pub pool: MirrorPool,
    pub client: Client,
    pub stop: CancellationToken,
}

impl Teller {
    /// Starts telling, until it is stopped; gives whom to notify when something was stored.
    pub(super) fn start(self, tasks: &mut JoinSet<Result<(), Error>>) -> [Arc<Notify>; 3] {
        let stored = [(); 3].map(|()| Arc::new(Notify::new()));
        let [archived, mirrored, seeded] = stored.clone();
        tasks.spawn(self.clone().run::<Archived>(archived));
        tasks.spawn(self.clone().run::<Mirrored>(mirrored));
        tasks.spawn(self.run::<Seeded>(seeded));
        stored
    }

    async fn run<R: Row>(self, stored: Arc<Notify>) -> Result<(), Error> {
        loop {
            let swept = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                swept = self.sweep::<R>() => swept,
            };
            if let Err(error) = swept {
                tracing::warn!(action = R::ACTION, error = error.chain(), "telling Kubernetes goes on later");
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = stored.notified() => {}
                () = tokio::time::sleep(R::SWEEP) => {}
            }
        }
    }

    async fn sweep<R: Row>(&self) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            let page = R::due(&self.pool, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id();
            for write in page.iter().filter_map(|row| row.write(clock::now())) {
                self.tell(R::ACTION, &write).await?;
            }
        }
    }

    /// A conflict means that a newer version is on its way; what the API server refuses otherwise is said once a sweep,
    /// and does not hold the others up.
    async fn tell(&self, action: &'static str, write: &Write) -> Result<(), Error> {
        let Write { kind, namespace, name, patch } = write;
        let api = match namespace {
            Some(namespace) => kube_api::namespaced(&self.client, *kind, namespace),
            None => kube_api::all(&self.client, *kind),
        };
        let params = PatchParams {
            field_manager: Some(crds::constants::API_SERVER_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch_status(name, &params, patch);
        match kube_api::bounded(action, patched).await {
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
                        "refused"
                    );
                    Ok(())
                }
                None => Err(error),
            },
        }
    }
}
