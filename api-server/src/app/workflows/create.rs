//! Creating workflows.

use std::{collections::BTreeMap, sync::Arc};

use crds::{Workflow, constants::DEFAULT_WORKFLOWS, labels::CREATED_BY_REQUEST, plan::PlanLimits};
use domain::{permission::Permission, policy};
use kube::{Api, api::ObjectMeta};
use serde::Deserialize as _;
use uuid::Uuid;

use super::{WorkflowDetails, definition::Definition, read::from_object, validate};
use crate::{
    app::{
        App, Error, Reservation, Violation, audit,
        change_object::Declared as _,
        created_by_request::{check_existing, mark},
        creation::{Creation, create as create_object},
        idempotency::IdempotencyKey,
        kubernetes::write_permit,
        tenants,
    },
    auth::TenantScope,
    mirror,
    store::{TenantToWrite, TenantTx, plans, workflows},
};

const ACTION: &str = "create the workflow";
/// Maximum length of the name of a workflow, as in the CustomResourceDefinition.
const MAX_NAME: usize = 40;

/// Parameters of a new workflow.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name of the workflow in Kubernetes.
    pub name: String,
    /// Fields of its spec.
    pub definition: Definition,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Checks a new workflow completely, as far as Kubernetes, and returns it as it would be created.
///
/// # Errors
/// Returns an error if the workflow could not be created; see [`create`].
pub async fn dry_run(app: &App, scope: TenantScope, create: Create) -> Result<WorkflowDetails, Error> {
    let (tenant, object, _memory) = prepare(app, scope, &create).await?;
    let _permit = write_permit(app, scope.tenant_id(), ACTION).await?;
    let api = Api::namespaced(app.kube.clone(), &tenant.namespace);
    match create_object(&api, &object, ACTION, true).await? {
        Creation::Created(object) => from_object(&object),
        Creation::Exists(_) => Err(Error::AlreadyExists { action: ACTION, name: create.name }),
    }
}

/// Creates a workflow in Kubernetes and returns its ID, or the ID of the workflow that an earlier attempt of the same request
/// created.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, or has a workflow of this name or too many workflows; if the definition
/// is not valid; or if the Kubernetes API or the database fails.
pub async fn create(app: &App, scope: TenantScope, create: Create) -> Result<Uuid, Error> {
    let (tenant, object, _memory) = prepare(app, scope, &create).await?;
    let _permit = write_permit(app, scope.tenant_id(), ACTION).await?;
    let api = Api::namespaced(app.kube.clone(), &tenant.namespace);
    let object = match create_object(&api, &object, ACTION, false).await? {
        Creation::Created(object) => object,
        Creation::Exists(existing) => check_existing(ACTION, existing, &object)?,
    };
    mirror::apply_one(&app.mirror, &object).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let id = workflows::id_of_name(&mut tx, &create.name).await?.ok_or(Error::NotFound)?;
    audit::record_object(Workflow::AUDIT_KIND, Some(id), &create.name);
    Ok(id)
}

/// Checks a new workflow, and builds its object, whose memory is reserved.
async fn prepare(
    app: &App,
    scope: TenantScope,
    create: &Create,
) -> Result<(TenantToWrite, Workflow, Arc<Reservation>), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let tenant = tenants::writable(&mut tx).await?;
    check_name(&create.name)?;
    check_rights(&tx, &create.name)?;
    check_limit(&mut tx, &create.name).await?;
    // The connection is released before the validation.
    drop(tx);
    let spec = create.definition.as_value();
    validate::check_size(ACTION, spec)?;
    let (_, memory) = Reservation::of_copy(app, scope, spec).await?;
    let (memory, spec) = (Arc::new(memory), spec.clone());
    let subject = validate::Subject { name: &create.name, spec, action: ACTION };
    let spec = validate::check(app, scope, subject, memory.clone()).await?;
    let spec = crds::WorkflowSpec::deserialize(spec).map_err(|error| invalid("", error.to_string()))?;
    let tenant_id = scope.tenant_id().to_string();
    let Create { name, definition, requested_by, key } = create;
    let mark = key.as_ref().map(|key| mark(&[&tenant_id, requested_by, key.as_str()], &(name, definition)));
    let metadata = ObjectMeta {
        name: Some(name.clone()),
        namespace: Some(tenant.namespace.clone()),
        annotations: mark.map(|mark| BTreeMap::from([(CREATED_BY_REQUEST.to_owned(), mark)])),
        ..ObjectMeta::default()
    };
    Ok((tenant, Workflow { metadata, spec, status: None }, memory))
}

/// Checks the form of a name. The API server repeats the check.
fn check_name(name: &str) -> Result<(), Error> {
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_valid = name.bytes().all(|letter| is_inner(letter) || letter == b'-' || letter == b'.')
        && name.bytes().next().is_some_and(is_inner)
        && name.bytes().next_back().is_some_and(is_inner)
        && name.len() <= MAX_NAME;
    let message = "must be 1 to 40 lower-case letters, digits, hyphens and dots, and begin and end with a letter or digit";
    if is_valid { Ok(()) } else { Err(invalid("/name", message.to_owned())) }
}

/// Checks that the principal may create a workflow of this name. It has no labels yet.
fn check_rights(tx: &TenantTx, name: &str) -> Result<(), Error> {
    let permission = Permission::WORKFLOW_CREATE;
    let Some(rights) = tx.restriction(permission) else { return Ok(()) };
    let workflow = policy::Workflow { name: name.to_owned(), labels: Some(BTreeMap::new()), owner: None };
    match rights.grants().allows(permission, rights.request(), policy::Resource::Workflow(&workflow)) {
        true => Ok(()),
        false => Err(Error::NotPermitted { permission }),
    }
}

fn invalid(pointer: &str, message: String) -> Error {
    let violation = Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message };
    Error::InvalidDefinition { action: ACTION, violations: vec![violation] }
}

/// Checks that the plan of the tenant allows a further workflow. Those that are created at the same time do not see each other:
/// the quota of the namespace is the limit that is never exceeded. A workflow that exists is no further one.
async fn check_limit(tx: &mut TenantTx, name: &str) -> Result<(), Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let limits = limits.and_then(|limits| PlanLimits::deserialize(limits).ok()).unwrap_or_default();
    let limit = u64::from(limits.workflows.unwrap_or(DEFAULT_WORKFLOWS));
    let used = workflows::total(tx).await?;
    match used < limit || workflows::id_of_name(tx, name).await?.is_some() {
        true => Ok(()),
        false => Err(Error::WorkflowLimit { used, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that Kubernetes or the CustomResourceDefinition would refuse are refused at once.
    #[test]
    fn names_of_another_form_are_refused() {
        for name in ["a", "invoice-intake", "v1.2", &"a".repeat(40)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "A", "-a", "a-", "a/b", "a b", "ä", "..", &"a".repeat(41)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
