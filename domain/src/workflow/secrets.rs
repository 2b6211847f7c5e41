//! Checks of `spec.secrets` against the Secrets of the namespace.

use std::collections::{BTreeMap, BTreeSet};

use crds::WorkflowSpec;
use crds::labels::WORKFLOW_SECRET;

use super::context::ValidationContext;
use super::problems::Problems;

/// Returns the keys of each usable Secret by its name in the workflow; `None` if the Secrets are not known.
pub(super) fn keys<'a>(
    spec: &'a WorkflowSpec,
    context: &'a ValidationContext,
) -> Option<BTreeMap<&'a str, &'a BTreeSet<String>>> {
    let known = context.secrets.as_ref()?;
    // The keys of a Secret without the label must not be disclosed; the missing label is its only problem.
    let usable = |name: &str| known.get(name).filter(|secret| secret.labelled);
    let keys = spec
        .secrets
        .iter()
        .filter_map(|secret| Some((secret.name.as_str(), &usable(&secret.secret_ref.name)?.keys)));
    Some(keys.collect())
}

/// Checks that names are unique, and that every Secret exists and is labelled for use by workflows.
pub(super) fn check(spec: &WorkflowSpec, context: &ValidationContext, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, secret) in spec.secrets.iter().enumerate() {
        let path = format!("spec.secrets[{index}]");
        if !names.insert(secret.name.as_str()) {
            let message = format!("duplicate secret name {}", secret.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        let Some(known) = &context.secrets else { continue };
        let name = &secret.secret_ref.name;
        let path = format!("{path}.secretRef.name");
        match known.get(name) {
            None => problems.add(path, "MissingSecret", format!("Secret {name} not found in this namespace")),
            Some(secret) if !secret.labelled => {
                let message = format!(
                    "Secret {name} is not labelled for use by workflows: add the label {WORKFLOW_SECRET}=true"
                );
                problems.add(path, "SecretNotLabelled", message);
            }
            Some(_) => {}
        }
    }
}
