//! The Secrets that a workflow names: whether they are there, may be used, and have the keys that it reads.

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

/// Looks at those that a workflow names, and at no others; a Secret's values are never kept.
///
/// # Errors
/// A Secret cannot be read.
pub(super) async fn look(
    client: &Client,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<BTreeMap<String, ReferencedSecret>, Error> {
    let api = within::<Secret>(client, namespace);
    let names = spec.secrets.iter().map(|secret| secret.secret_ref.name.as_str());
    let found = try_join_all(names.map(|name| api::get(&api, name))).await?;
    Ok(found.into_iter().flatten().map(|secret| (secret.name_any(), facts(secret))).collect())
}

fn facts(secret: Secret) -> ReferencedSecret {
    let labelled = secret.labels().get(labels::WORKFLOW_SECRET).is_some_and(|label| label == "true");
    // Those of one that may not be used are nobody's business.
    let data = if labelled { secret.data.unwrap_or_default() } else { BTreeMap::new() };
    ReferencedSecret { labelled, keys: data.into_keys().collect() }
}

/// What a workflow lacks of its Secrets now, in the words in which its status would say so.
///
/// # Errors
/// A Secret cannot be read.
pub(crate) async fn lacking(
    client: &Client,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<Vec<Problem>, Error> {
    if spec.secrets.is_empty() {
        return Ok(Vec::new());
    }
    let secrets = Some(look(client, namespace, spec).await?);
    let problems = validate(spec, &ValidationContext { secrets, ..ValidationContext::default() }).err();
    let problems = problems.into_iter().flatten();
    Ok(problems.filter(|problem| is_of_a_secret(problem.code)).collect())
}

/// Whether a problem comes and goes with a Secret, and not with the workflow.
pub(crate) fn is_of_a_secret(code: &str) -> bool {
    matches!(code, "MissingSecret" | "MissingSecretKey" | "SecretNotLabelled")
}
