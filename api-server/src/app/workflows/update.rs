//! Changing workflows.

use std::sync::Arc;

use crds::Workflow;
use domain::permission::Permission;
use kube::Api;
use serde_json::Value;
use uuid::Uuid;

use super::{WorkflowDetails, definition::Patch, read::details, validate};
use crate::{
    app::{
        App, Error, Reservation,
        change_object::{Edit, Target, change},
        contents::reserve_object,
        kubernetes::write_permit,
        reservation::CHANGE_COPIES,
        rights, tenants,
    },
    auth::TenantScope,
    mirror,
    store::{self, TenantTx, WorkflowContent, WorkflowIdentity, workflows},
};

const ACTION: &str = "change the workflow";

/// Change of a workflow.
#[derive(Clone, Debug)]
pub struct Update {
    /// ID of the workflow.
    pub id: Uuid,
    /// Generation that the workflow must have; any if `None`.
    pub generation: Option<i64>,
    /// Change of the fields of the spec.
    pub patch: Patch,
}

/// Changes the spec of a workflow and returns the workflow as it is stored then, with the memory that it takes.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such workflow; if the workflow was changed since its generation
/// was read; if the change is not valid or concerns fields that others manage; or if the Kubernetes API or the database fails.
pub async fn update(
    app: &App,
    scope: TenantScope,
    update: Update,
) -> Result<(WorkflowDetails, Reservation), Error> {
    let Update { id, generation, patch } = update;
    let memory = Arc::new(reserve_object::<WorkflowContent>(app, scope, id, CHANGE_COPIES).await?);
    let edit = Patched { app, scope, patch, memory };
    write(
        app,
        scope,
        Write { id, generation, action: ACTION, permission: Permission::WORKFLOW_UPDATE },
        &edit,
    )
    .await?;
    // The memory of the change is free before that of the response is reserved.
    drop(edit);
    details(app, scope, id).await
}

/// Patch of a spec whose result is validated.
struct Patched<'a> {
    app: &'a App,
    scope: TenantScope,
    patch: Patch,
    /// Memory of the change, which counts until a validation that exceeds its deadline has ended.
    memory: Arc<Reservation>,
}

impl Edit for Patched<'_> {
    async fn edit(&self, name: &str, spec: Value) -> Result<Value, Error> {
        let Self { app, scope, patch, memory } = self;
        let spec = patch.apply(spec);
        validate::check_size(ACTION, &spec)?;
        let subject = validate::Subject { name, spec, action: ACTION };
        validate::check(app, *scope, subject, memory.clone()).await
    }
}

/// Workflow to write.
pub(super) struct Write {
    pub(super) id: Uuid,
    pub(super) generation: Option<i64>,
    pub(super) action: &'static str,
    pub(super) permission: Permission,
}

/// Gives a workflow the spec that `edit` makes of its current one. The caller has reserved the memory for it.
///
/// # Errors
/// Returns an error as [`update`] does.
pub(super) async fn write(
    app: &App,
    scope: TenantScope,
    write: Write,
    edit: &impl Edit,
) -> Result<(), Error> {
    let Write { id, generation, action, permission } = write;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let tenant = tenants::writable(&mut tx).await?;
    let WorkflowIdentity { uid, name } = workflows::identity(&mut tx, id).await?.ok_or(Error::NotFound)?;
    rights::require(&mut tx, id, permission, store::Target::Workflows).await?;
    // The connection is released before the request to Kubernetes.
    drop(tx);
    let _permit = write_permit(app, scope.tenant_id(), action).await?;
    let target = Target { id, name: &name, uid, generation, action };
    let api = Api::<Workflow>::namespaced(app.kube.clone(), &tenant.namespace);
    let object = change(&api, target, edit).await?;
    Ok(mirror::apply_one(&app.mirror, &object).await?)
}
