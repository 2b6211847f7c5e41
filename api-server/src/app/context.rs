//! The dependencies of the use cases.

use std::sync::Arc;

use kube::Client;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::searches::Searcher;
use crate::{
    db::{AppPool, MirrorPool},
    limits::Limits,
    mail::Mailer,
    objects::Objects,
    store::CursorKey,
};

/// Handles that the use cases share. Clones are cheap and refer to the same connections.
#[derive(Clone)]
pub struct App {
    /// Connections of the role `smb_app`, whose queries see one tenant at a time.
    pub db: AppPool,
    /// Connections of the role `smb_mirror`. Used to store an object directly after a use case has written it,
    /// so that the caller reads its own write.
    pub mirror: MirrorPool,
    /// Client that creates and changes WorkflowRuns.
    pub kube: Client,
    /// Object storage for large values; `None` if none is configured.
    pub objects: Option<Objects>,
    /// Vector database with the points of documents; `None` if none is configured.
    pub searcher: Option<Searcher>,
    /// Client that sends invitations by mail; `None` if no SMTP server is configured.
    pub mailer: Option<Arc<Mailer>>,
    /// Key that signs the cursors of lists.
    pub cursors: CursorKey,
    /// Threads on which tenants' schemas are compiled and their inputs are validated.
    pub compute: compute::Pool,
    /// Limits of the replica, which all tenants share.
    pub limits: Arc<Limits>,
    /// Cancelled when the process shuts down. Requests that wait for a run are then answered at once.
    pub shutdown: CancellationToken,
    /// Writes that go on if their clients close the connection. The process ends after them.
    pub writes: TaskTracker,
}
