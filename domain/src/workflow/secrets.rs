//! Checks of `spec.secrets` against the Secrets of the namespace.

use std::collections::{BTreeMap, BTreeSet};

use crds::WorkflowSpec;
use crds::constants::SECRET_TYPES;
use crds::labels::WORKFLOW_SECRET;

use super::context::{ReferencedSecret, ValidationContext};
use super::problems::Problems;

/// Returns the keys of each usable Secret by its name in the workflow; `None` if the Secrets are not known.
pub(super) fn keys<'a>(
    spec: &'a WorkflowSpec,
    context: &'a ValidationContext,
) -> Option<BTreeMap<&'a str, &'a BTreeSet<String>>> {
    let known = context.secrets.as_ref()?;
    // The keys of a Secret that workflows may not use must not be disclosed; that is its only problem.
    let usable = |name: &str| known.get(name).filter(|secret| secret.labelled && has_permitted_type(secret));
    let keys = spec
        .secrets
        .iter()
        .filter_map(|secret| Some((secret.name.as_str(), &usable(&secret.secret_ref.name)?.keys)));
    Some(keys.collect())
}

/// Returns whether the type of a Secret is one that workflows may use: the others are filled by Kubernetes, with tokens of the
/// namespace's service accounts for example.
fn has_permitted_type(secret: &ReferencedSecret) -> bool {
    secret.kind.is_empty() || SECRET_TYPES.contains(&secret.kind.as_str())
}

/// Checks that names are unique, and that every Secret exists, is labelled for use by workflows and has a permitted type.
pub(super) fn check(spec: &WorkflowSpec, context: &ValidationContext, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, secret) in spec.secrets.iter().enumerate() {
        let path = format!("spec.secrets[{index}]");
        if !names.insert(secret.name.as_str()) {
            let message = format!("duplicate secret name {}: rename one of them", secret.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        let Some(known) = &context.secrets else { continue };
        let name = &secret.secret_ref.name;
        let path = format!("{path}.secretRef.name");
        match known.get(name) {
            None => problems.add(path, "MissingSecret", format!("Secret {name} not found in this namespace: create it with the label {WORKFLOW_SECRET}=true; this problem then clears")),
            Some(secret) if !secret.labelled => {
                let message = format!(
                    "Secret {name} is not labelled for use by workflows: add the label {WORKFLOW_SECRET}=true"
                );
                problems.add(path, "SecretNotLabelled", message);
            }
            Some(secret) if !has_permitted_type(secret) => {
                let (kind, permitted) = (&secret.kind, SECRET_TYPES.join(", "));
                let message = format!(
                    "Secret {name} has type {kind}, which workflows must not use: create it with one of the types {permitted}"
                );
                problems.add(path, "SecretTypeForbidden", message);
            }
            Some(_) => {}
        }
    }
}
