//! What there is beside a workflow in its namespace.

use std::collections::BTreeMap;

use crds::Workflow;
use domain::workflow::{Environment, SecretFacts, WorkflowFacts};
use kube::ResourceExt as _;

use crate::{
    context::Context,
    errors::Error,
    run::secrets::{self, Found},
};

/// Looks. Of Secrets, only those that the workflow names are read.
///
/// # Errors
/// A Secret cannot be read.
pub(super) async fn of(ctx: &Context, workflow: &Workflow) -> Result<Environment, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for secret in &workflow.spec.secrets {
        let name = &secret.secret_ref.name;
        let facts = match secrets::keys(&ctx.client, &namespace, name).await? {
            Found::Nothing => continue,
            Found::NotForWorkflows => SecretFacts::default(),
            Found::Keys(keys) => SecretFacts { labelled: true, keys: keys.into_iter().collect() },
        };
        secrets.insert(name.clone(), facts);
    }
    let others = ctx.stores.workflows.state_filter(|other| other.namespace().as_ref() == Some(&namespace));
    let workflows = others.iter().map(|other| (other.name_any(), WorkflowFacts::of(&other.spec))).collect();
    Ok(Environment { name: Some(workflow.name_any()), secrets: Some(secrets), workflows: Some(workflows) })
}
