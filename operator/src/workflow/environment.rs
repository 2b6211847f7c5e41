//! Environment of a workflow: the Secrets and the other workflows of its namespace, and the images that its plan allows.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use crds::{
    Tenant, Workflow,
    constants::{DEFAULT_MIN_SCHEDULE_INTERVAL_SECONDS, MAX_SCHEMA_BYTES},
};
use domain::workflow::{CodeCheck, ReferencedWorkflow, ValidationContext};
use k8s_client::decoded_bytes;
use kube::ResourceExt as _;

use crate::{context::Context, errors::Error, images::image_policy, secrets::secret_facts, watch::Stores};

/// Environment of a workflow.
pub(super) struct Environment {
    context: ValidationContext,
    /// Names of the workflows that the workflow calls.
    calls: BTreeSet<String>,
    /// Hash of the workflow's version and of everything in its environment that its validity depends on.
    pub(super) fingerprint: u64,
}

/// Returns the environment of a workflow, without the input schemas of the workflows that it calls. Only the Secrets that
/// the workflow names are read.
///
/// # Errors
/// Returns an error if a Secret cannot be read.
pub(super) async fn read(ctx: &Context, workflow: &Workflow, tenant: &Tenant) -> Result<Environment, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let secrets = secret_facts(&ctx.full, &namespace, &workflow.spec).await?;
    let others = ctx.stores.workflows.state_filter(|other| other.namespace().as_ref() == Some(&namespace));
    let calls = ReferencedWorkflow::from_spec(&workflow.spec).calls;
    let min_schedule_interval = min_schedule_interval(&ctx.stores, tenant);
    let images = image_policy(&ctx.config, ctx.stores.plan_of(tenant).as_deref());
    let mut hash = DefaultHasher::new();
    format!("{images:?}").hash(&mut hash);
    (workflow.uid(), workflow.metadata.generation, min_schedule_interval).hash(&mut hash);
    for (name, secret) in &secrets {
        (name, secret.labelled, &secret.kind, &secret.keys).hash(&mut hash);
    }
    let mut workflows = BTreeMap::new();
    for other in &others {
        let version = calls.contains(&other.name_any()).then(|| (other.uid(), other.metadata.generation));
        // The stores hold no schemas and no outputs.
        let known = ReferencedWorkflow { output: None, ..ReferencedWorkflow::from_spec(&other.spec) };
        workflows.insert(other.name_any(), (known, version));
    }
    for (name, (known, version)) in &workflows {
        (name, &known.calls, version).hash(&mut hash);
    }
    let workflows = workflows.into_iter().map(|(name, (known, _))| (name, known)).collect();
    let context = ValidationContext {
        own_name: Some(workflow.name_any()),
        secrets: Some(secrets),
        workflows: Some(workflows),
        images: Some(images),
        min_schedule_interval: Some(min_schedule_interval),
        code: CodeCheck::Parse,
    };
    Ok(Environment { context, calls, fingerprint: hash.finish() })
}

/// Returns the shortest interval between two runs of a schedule that the plan of a tenant allows.
fn min_schedule_interval(stores: &Stores, tenant: &Tenant) -> Duration {
    let limits = stores.plan_of(tenant).and_then(|plan| plan.spec.limits.clone());
    let interval = limits.and_then(|limits| limits.min_schedule_interval?.to_std().ok());
    interval.unwrap_or(Duration::from_secs(DEFAULT_MIN_SCHEDULE_INTERVAL_SECONDS))
}

/// Memory of the input schemas and shapes of called workflows after which no further one is read for a check, in bytes: two of
/// the largest ones. The check compiles no more than 128 KiB of text.
const MAX_CALLED_SCHEMA_BYTES: usize = 4 << 20;

impl Environment {
    /// Returns the context in which a workflow of this namespace is validated. The workflows that it calls are read one after
    /// the other, for their input schemas and the shapes of their outputs. An input schema that is too large makes its own
    /// workflow invalid and is not used.
    ///
    /// # Errors
    /// Returns an error if a workflow cannot be read.
    pub(super) async fn into_context(
        self,
        ctx: &Context,
        namespace: &str,
    ) -> Result<ValidationContext, Error> {
        let Self { mut context, calls, fingerprint: _ } = self;
        let mut bytes = 0;
        for name in calls {
            let Some(known) = context.workflows.as_mut().and_then(|known| known.get_mut(&name)) else {
                continue;
            };
            if bytes > MAX_CALLED_SCHEMA_BYTES {
                break; // inputs of the others are checked when the sub-runs start
            }
            let full = match ctx.full.workflow(namespace, &name).await {
                Ok(Some(full)) => full,
                Ok(None) | Err(Error::TooMuchMemory { .. }) => continue,
                Err(error) => return Err(error),
            };
            let ReferencedWorkflow { input, output, calls: _ } = ReferencedWorkflow::from_spec(&full.spec);
            drop(full);
            known.input = input.filter(|schema| schema.to_string().len() <= MAX_SCHEMA_BYTES);
            known.output = output;
            let parts = known.input.iter().chain(&known.output);
            bytes += parts.map(|part| decoded_bytes(part.to_string().as_bytes())).sum::<usize>();
        }
        Ok(context)
    }
}
