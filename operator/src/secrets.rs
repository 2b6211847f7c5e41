//! Secrets that a workflow names: whether they exist, may be used by workflows, and have the keys that are read.

use std::collections::{BTreeMap, BTreeSet};

use crds::{WorkflowSpec, labels};
use domain::workflow::{Problem, ReferencedSecret, ValidationContext, validate};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use crate::{api::FullObjects, errors::Error};

/// Maximum number of keys of a Secret: many times those of a usual one. The keys are held while a workflow is validated.
const MAX_KEYS: usize = 256;

/// Returns facts about the Secrets that a workflow names, by name. No others are read, one is held at a time, and their values
/// are dropped.
///
/// # Errors
/// Returns an error if a Secret cannot be read, or is too large.
pub(crate) async fn secret_facts(
    full: &FullObjects,
    namespace: &str,
    spec: &WorkflowSpec,
) -> Result<BTreeMap<String, ReferencedSecret>, Error> {
    let mut facts = BTreeMap::new();
    for secret in &spec.secrets {
        let name = &secret.secret_ref.name;
        if let Some(secret) = full.secret(namespace, name).await? {
            facts.insert(name.clone(), facts_of_secret(&secret)?);
        }
    }
    Ok(facts)
}

fn facts_of_secret(secret: &Secret) -> Result<ReferencedSecret, Error> {
    let labelled = secret.labels().get(labels::WORKFLOW_SECRET).is_some_and(|label| label == "true");
    // The keys of a Secret that workflows may not use are not revealed.
    let keys = secret.data.iter().filter(|_| labelled).flat_map(BTreeMap::keys).cloned();
    let keys: BTreeSet<String> = keys.collect();
    if keys.len() > MAX_KEYS {
        return Err(Error::TooManyKeys { name: secret.name_any(), keys: keys.len(), limit: MAX_KEYS });
    }
    Ok(ReferencedSecret { labelled, kind: secret.type_.clone().unwrap_or_default(), keys })
}

/// Returns the current problems of a workflow with its Secrets, as its status would report them. Takes as long as the
/// validation of the workflow.
pub(crate) fn secret_problems(
    spec: &WorkflowSpec,
    secrets: BTreeMap<String, ReferencedSecret>,
) -> Vec<Problem> {
    let context = ValidationContext { secrets: Some(secrets), ..ValidationContext::default() };
    let problems = validate(spec, &context).err().into_iter().flatten();
    problems.filter(|problem| is_secret_problem(problem.code)).collect()
}

/// Returns whether a problem is one of a Secret, which can be solved without changing the workflow.
pub(crate) fn is_secret_problem(code: &str) -> bool {
    matches!(code, "MissingSecret" | "MissingSecretKey" | "SecretNotLabelled" | "SecretTypeForbidden")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    /// A Secret with more keys than the limit is refused with both numbers, and one that workflows may not use has no keys.
    #[test]
    fn the_keys_of_a_secret_are_limited() {
        let mut secret = Secret::default();
        secret.metadata.name = Some("many".to_owned());
        secret.data = Some((0..257).map(|key| (key.to_string(), ByteString::default())).collect());
        assert!(facts_of_secret(&secret).unwrap().keys.is_empty());
        secret.metadata.labels = Some([(labels::WORKFLOW_SECRET.to_owned(), "true".to_owned())].into());
        let error = facts_of_secret(&secret).unwrap_err().to_string();
        assert!(error.contains("many has 257 keys") && error.contains("256"), "{error}");
        secret.data.as_mut().unwrap().remove("0");
        assert_eq!(facts_of_secret(&secret).unwrap().keys.len(), 256);
    }
}
