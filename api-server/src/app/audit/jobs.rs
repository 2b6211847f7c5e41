//! The operations of jobs of the api-server.

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    app::audit::Operation,
    auth::Origin,
    db::MirrorPool,
    store::audit::{Actor, ActorKind, Writer},
};

/// Maximum duration of a job for one tenant, in seconds. The data of a large tenant takes hours to delete.
const MAX_JOB_SECONDS: i32 = 24 * 3600;

/// Returns the operation of a job for a tenant. `name` is the action, too.
#[must_use]
pub fn operation_of_job(pool: &MirrorPool, tenant: Uuid, name: &'static str) -> Operation {
    Operation {
        writer: Writer::Jobs(pool.clone()),
        tasks: TaskTracker::new(),
        chain: tenant,
        name: name.to_owned(),
        action: name,
        actor: Actor {
            kind: ActorKind::System,
            issuer: None,
            subject: Some("api-server".to_owned()),
            email: None,
            roles: Vec::new(),
        },
        origin: Origin::default(),
        open_seconds: MAX_JOB_SECONDS,
        client_gone: CancellationToken::new(),
    }
}
