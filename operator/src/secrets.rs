//! Secrets that a workflow names: whether they exist, may be used by workflows, and have the keys that are read.

use std::collections::BTreeMap;

use crds::{WorkflowSpec, labels};
use domain::workflow::{Problem, ReferencedSecret, ValidationContext, validate};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt as _};

use crate::{
    api::{self, within},
    errors::Error,
};

/// Returns facts about the Secrets that a workflow names, by name. No others are read, and their values are dropped.
///
/// # Errors
/// Returns an error if a Secret cannot be read.
pub(crate) async fn secret_facts(
    client: &Client,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<BTreeMap<String, ReferencedSecret>, Error> {
    let api = within::<Secret>(client, namespace);
    let names = spec.secrets.iter().map(|secret| secret.secret_ref.name.as_str());
    let found = try_join_all(names.map(|name| api::get(&api, name))).await?;
    Ok(found.into_iter().flatten().map(|secret| (secret.name_any(), facts_of_secret(secret))).collect())
}

fn facts_of_secret(secret: Secret) -> ReferencedSecret {
    let labelled = secret.labels().get(labels::WORKFLOW_SECRET).is_some_and(|label| label == "true");
    // The keys of a Secret that workflows may not use are not revealed.
    let data = if labelled { secret.data.unwrap_or_default() } else { BTreeMap::new() };
    ReferencedSecret { labelled, kind: secret.type_.unwrap_or_default(), keys: data.into_keys().collect() }
}

/// Returns the current problems of a workflow with its Secrets, as its status would report them.
///
/// # Errors
/// Returns an error if a Secret cannot be read, or if the workflow cannot be validated in time.
pub(crate) async fn secret_problems(
    client: &Client,
    compute: &compute::Pool,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<Vec<Problem>, Error> {
    if spec.secrets.is_empty() {
        return Ok(Vec::new());
    }
    let secrets = Some(secret_facts(client, namespace, spec).await?);
    let (spec, context) = (spec.clone(), ValidationContext { secrets, ..ValidationContext::default() });
    let problems = compute.run(namespace, move || validate(&spec, &context).err()).await;
    let problems = problems.map_err(Error::compute("validate a workflow"))?.into_iter().flatten();
    Ok(problems.filter(|problem| is_secret_problem(problem.code)).collect())
}

/// Returns whether a problem is one of a Secret, which can be solved without changing the workflow.
pub(crate) fn is_secret_problem(code: &str) -> bool {
    matches!(code, "MissingSecret" | "MissingSecretKey" | "SecretNotLabelled" | "SecretTypeForbidden")
}
