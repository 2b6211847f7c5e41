//! Validation of a workflow as the operator does it, before the request to Kubernetes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use compute::Memory;
use crds::{
    WorkflowSpec,
    constants::{DEFAULT_MIN_SCHEDULE_INTERVAL_SECONDS, MAX_WORKFLOW_BYTES},
    plan::PlanLimits,
};
use domain::{
    image::ImagePolicy,
    workflow::{CodeCheck, ReferencedWorkflow, ValidationContext, validate},
};
use serde::Deserialize as _;
use serde_json::Value;

use crate::{
    app::{App, Error, Reservation, Violation, enum_names::upper_snake, field_path::pointer, strict},
    auth::TenantScope,
    limits::json_memory,
    store::{TenantTx, plans, workflows},
};

/// Spec to validate.
pub(super) struct Subject<'a> {
    /// Name of the workflow.
    pub(super) name: &'a str,
    pub(super) spec: Value,
    /// What fails if the spec is not valid.
    pub(super) action: &'static str,
}

/// Checks that a spec takes no more memory than the operator decodes.
///
/// # Errors
/// Returns an error if it takes more.
pub(super) fn check_size(action: &'static str, spec: &Value) -> Result<(), Error> {
    if k8s_client::decoded_bytes(spec.to_string().as_bytes()) <= MAX_WORKFLOW_BYTES {
        return Ok(());
    }
    let message = format!(
        "the definition takes more than {} MiB of memory: use fewer lists, objects and values",
        MAX_WORKFLOW_BYTES >> 20
    );
    let violation = Violation { pointer: String::new(), code: "workflow_too_large".to_owned(), message };
    Err(Error::InvalidDefinition { action, violations: vec![violation] })
}

/// Validates the spec of a workflow, and returns it as Kubernetes stores it. `memory` is reserved for the spec. What only the
/// cluster knows is left to the operator, which validates every workflow again: Secrets, images of the platform, and the inputs of
/// other workflows.
///
/// # Errors
/// Returns all errors of the spec; or an error if it could not be validated on the tenant's share of the threads, or if the
/// database fails.
pub(super) async fn check(
    app: &App,
    scope: TenantScope,
    Subject { name, spec, action }: Subject<'_>,
    memory: Arc<Reservation>,
) -> Result<Value, Error> {
    let context = context(app, scope, name, &spec).await?;
    // A validation that exceeds its deadline keeps the spec, which counts until it ends.
    let memory = Memory { bytes: json_memory(spec.to_string().as_bytes()), reservation: memory };
    let find = move || find_violations(&spec, &context);
    let (result, _) = app.compute.run_with_memory(&scope.tenant_id().to_string(), memory, find).await?;
    result.map_err(|violations| Error::InvalidDefinition { action, violations })
}

fn find_violations(spec: &Value, context: &ValidationContext) -> Result<Value, Vec<Violation>> {
    let spec: WorkflowSpec = strict::parse(spec)?;
    let violation = |problem: domain::workflow::Problem| Violation {
        pointer: pointer(&problem.path),
        code: upper_snake(problem.code).to_ascii_lowercase(),
        message: problem.message,
    };
    let problems = validate(&spec, context).err().unwrap_or_default();
    match problems.is_empty() {
        true => Ok(serde_json::to_value(&spec).unwrap_or_default()),
        false => Err(problems.into_iter().map(violation).collect()),
    }
}

/// Returns what is known about the tenant's other workflows and its plan.
async fn context(
    app: &App,
    scope: TenantScope,
    name: &str,
    spec: &Value,
) -> Result<ValidationContext, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let plans::Rules { limits, registries } = plans::rules_of_tenant(&mut tx).await?.unwrap_or_default();
    let calls: Vec<_> = calls(spec).into_iter().collect();
    let callees = match calls.is_empty() {
        true => BTreeMap::new(),
        false => workflows::callees(&mut tx, &calls).await?,
    };
    let known = |calls| ReferencedWorkflow { input: None, output: None, calls };
    let registries = registries.and_then(|registries| Vec::<String>::deserialize(registries).ok());
    Ok(ValidationContext {
        own_name: Some(name.to_owned()),
        secrets: None,
        workflows: Some(callees.into_iter().map(|(name, calls)| (name, known(calls))).collect()),
        images: Some(ImagePolicy::new(registries.as_deref(), "")),
        min_schedule_interval: Some(min_schedule_interval(&limits)),
        code: CodeCheck::Parse,
    })
}

fn min_schedule_interval(limits: &Value) -> Duration {
    let limits = PlanLimits::deserialize(limits).unwrap_or_default();
    let interval = limits.min_schedule_interval.and_then(|interval| interval.to_std().ok());
    interval.unwrap_or(Duration::from_secs(DEFAULT_MIN_SCHEDULE_INTERVAL_SECONDS))
}

/// Returns the names of the workflows that the steps of a spec run.
fn calls(spec: &Value) -> BTreeSet<String> {
    let steps = ["steps", "onExit"].into_iter().filter_map(|field| spec.get(field)?.as_array()).flatten();
    steps.filter_map(|step| step.pointer("/workflow/name")?.as_str()).map(str::to_owned).collect()
}
