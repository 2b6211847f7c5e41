//! Loaders that fetch the rows for all fields of a document with one statement per kind.

mod documents;
mod people;
mod platform;
mod tenant;

use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::app::Reservation;

pub(super) use documents::{ChunkById, ChunksOfDocument, DocumentById};
pub(super) use people::{
    ApiKeyById, InvitationById, PolicyById, RoleByReference, ServiceAccountById, UserById,
};
pub(super) use platform::{PlatformLoaders, TenantById, platform_loaders};
pub(super) use tenant::{
    ContentById, DefinitionOfRevision, EventAt, EventsOfRun, Loaders, OwnTenant, PlanById,
    RevisionsOfWorkflow, RunById, RunCountOfWorkflow, RunsOfWorkflow, WorkflowById, WorkflowContentById,
    loaders,
};

/// Starts the task that reads a batch. It belongs to the span of the request.
fn spawn(load: BoxFuture<'static, ()>) -> JoinHandle<()> {
    tokio::spawn(load.in_current_span())
}

/// Key of a plan: its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlanByName(pub(super) String);

/// Key of an audit event: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AuditEventById(pub(super) Uuid);

/// Memory that is held until the response is built.
#[derive(Default)]
pub(super) struct HeldMemory(Mutex<Vec<Reservation>>);

impl HeldMemory {
    /// Holds memory until this value is dropped.
    pub(super) fn hold(&self, reservation: Reservation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(reservation);
    }
}
