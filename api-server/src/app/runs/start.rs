//! Starting a run.

use crds::{WorkflowRun, run::TriggerKind};
use serde_json::Value;
use uuid::Uuid;

use super::{build, check, kubernetes, name::RunName};
use crate::{
    app::{Error, tenants},
    auth::TenantScope,
    mirror,
    state::AppState,
    store::{Run, Tenant, TenantTx, runs, workflows},
};

/// A run to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// The workflow's id.
    pub workflow: Uuid,
    /// What the run is given.
    pub input: Value,
    /// Runs of a higher one start first.
    pub priority: Option<i32>,
    /// The run's name.
    pub name: RunName,
    /// Who asks, as an e-mail address.
    pub requested_by: String,
}

/// Creates the run in Kubernetes, and gives it back as it is then. A run of that name that the same request has made
/// before is given back instead.
///
/// # Errors
/// The tenant accepts no writes, it has no such workflow, the input does not fit, Kubernetes refuses the run, or
/// Kubernetes or the database fails.
pub async fn start(state: &AppState, scope: TenantScope, start: Start) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let tenant = tenants::writable(&mut tx).await?;
    let workflow = workflows::get(&mut tx, start.workflow).await?.ok_or(Error::NotFound)?;
    // No connection is held while Kubernetes is asked.
    drop(tx);
    check::check(&workflow, &start.input)?;
    let Start { workflow: _, input, priority, name, requested_by } = start;
    let order = build::Order { input, priority, name, trigger: TriggerKind::Api, requested_by, reuse: None };
    create(state, scope, &tenant, &build::run(&tenant, &workflow, order)).await
}

/// Creates a run, and gives back its row.
pub(super) async fn create(
    state: &AppState,
    scope: TenantScope,
    tenant: &Tenant,
    object: &WorkflowRun,
) -> Result<Run, Error> {
    let run = kubernetes::create(&state.kube, &tenant.namespace, object).await?;
    mirror::apply_one(&state.mirror, &run).await?;
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    runs::by_name(&mut tx, &kube::ResourceExt::name_any(&run)).await?.ok_or(Error::NotFound)
}
