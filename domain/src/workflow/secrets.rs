//! `spec.secrets` against the Secrets that there are.

use std::collections::{BTreeMap, BTreeSet};

use crds::WorkflowSpec;
use crds::labels::WORKFLOW_SECRET;

use super::ValidationContext;
use super::problems::Problems;

/// The keys of each secret that may be used, by its name in the workflow; none where Secrets are not known.
pub(super) fn keys<'a>(
    spec: &'a WorkflowSpec,
    context: &'a ValidationContext,
) -> Option<BTreeMap<&'a str, &'a BTreeSet<String>>> {
    let known = context.secrets.as_ref()?;
    // The keys of a Secret that no workflow may use are nobody's business: that it may not is the one problem.
    let usable = |name: &str| known.get(name).filter(|facts| facts.labelled);
    let keys = spec
        .secrets
        .iter()
        .filter_map(|secret| Some((secret.name.as_str(), &usable(&secret.secret_ref.name)?.keys)));
    Some(keys.collect())
}

/// Names given twice, Secrets that do not exist, and those that no workflow may use.
pub(super) fn check(spec: &WorkflowSpec, context: &ValidationContext, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (index, secret) in spec.secrets.iter().enumerate() {
        let path = format!("spec.secrets[{index}]");
        if !seen.insert(secret.name.as_str()) {
            let message = format!("there is another secret {}", secret.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        let Some(known) = &context.secrets else { continue };
        let name = &secret.secret_ref.name;
        let path = format!("{path}.secretRef.name");
        match known.get(name) {
            None => {
                problems.add(path, "MissingSecret", format!("there is no Secret {name} in this namespace"))
            }
            Some(facts) if !facts.labelled => {
                let message = format!(
                    "the Secret {name} must be labelled {WORKFLOW_SECRET}=true to be used by workflows"
                );
                problems.add(path, "SecretNotLabelled", message);
            }
            Some(_) => {}
        }
    }
}
