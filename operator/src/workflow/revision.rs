//! Revisions: the spec of a workflow at one generation, stored in an immutable ControllerRevision.

use crds::{
    RevisionData, Workflow,
    labels::{self, Child},
    names,
    workflow::RevisionRef,
};
use k8s_openapi::{
    api::apps::v1::ControllerRevision,
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, runtime::RawExtension},
};
use kube::{Client, ResourceExt as _};

use crate::{
    api::{self, within},
    errors::Error,
    names::WORKFLOW_UID,
};

/// Maximum length of the workflow's name in the name of a revision, which is a label of its Jobs and so has at most 63
/// characters: 52 of the workflow's name, a dash and 10 hexadecimal digits.
const MAX_NAME_PREFIX: usize = 52;

/// Creates the revision of a workflow's spec, unless it exists already, and returns a reference to it.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn ensure(client: &Client, workflow: &Workflow, tenant: &str) -> Result<RevisionRef, Error> {
    let revision = build(workflow, tenant)?;
    let reference = RevisionRef { name: revision.name_any(), generation: workflow.metadata.generation };
    let api = within::<ControllerRevision>(client, &workflow.namespace().unwrap_or_default());
    // A spec that was changed and changed back has the same revision as before, with another generation.
    if !api::exists(&api, &reference.name).await? {
        // The revision is applied rather than created, since apply normalises the data: an object that was
        // created with `<` or `&` in its data can never be patched again.
        api::apply(&api, &revision).await?;
    }
    Ok(reference)
}

fn build(workflow: &Workflow, tenant: &str) -> Result<ControllerRevision, Error> {
    let name = workflow.name_any();
    let encode = |source| Error::Encode { what: "a workflow's revision", source };
    let data = RevisionData::encode(&name, &workflow.spec).map_err(encode)?;
    let revision_name = revision_name(workflow, &data);
    let labels = labels::child_labels(Child {
        name: labels::PART_OF,
        component: "revision",
        tenant,
        workflow: Some(&name),
        ..Child::default()
    });
    Ok(ControllerRevision {
        metadata: ObjectMeta {
            name: Some(revision_name),
            namespace: workflow.namespace(),
            labels: Some(labels),
            annotations: workflow.uid().map(|uid| [(WORKFLOW_UID.to_owned(), uid)].into()),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision: workflow.metadata.generation.unwrap_or_default(),
    })
}

fn revision_name(workflow: &Workflow, data: &serde_json::Value) -> String {
    let name = workflow.name_any();
    let prefix = name.get(..MAX_NAME_PREFIX).unwrap_or(&name).trim_end_matches(['-', '.']);
    let uid = workflow.uid().unwrap_or_default();
    format!("{prefix}-{}", names::digest(&[&uid, &data.to_string()], 10))
}

#[cfg(test)]
mod tests {
    use crds::WorkflowSpec;

    use super::*;

    fn workflow(name: &str, uid: &str) -> Workflow {
        let mut workflow = Workflow::new(name, WorkflowSpec::default());
        workflow.metadata.uid = Some(uid.to_owned());
        workflow.metadata.namespace = Some("bakery".to_owned());
        workflow.metadata.generation = Some(4);
        workflow
    }

    /// The name of a revision depends on the workflow's UID and spec, so that a workflow of the same name never shares the
    /// revisions of a deleted one.
    #[test]
    fn a_revision_is_named_after_uid_and_content() {
        let name = |workflow: &Workflow| build(workflow, "acme").unwrap().name_any();
        let first = workflow("intake", "u1");
        let mut edited = first.clone();
        edited.spec.description = Some("a < b && c".to_owned());
        assert_eq!(name(&first), name(&workflow("intake", "u1")));
        assert_ne!(name(&first), name(&workflow("intake", "u2")));
        assert_ne!(name(&first), name(&edited));
    }

    /// Kubernetes deletes no revision together with its workflow, since runs may need it.
    #[test]
    fn a_revision_has_no_owner_and_names_its_workflow() {
        let metadata = build(&workflow("intake", "u1"), "acme").unwrap().metadata;
        assert_eq!(metadata.owner_references, None);
        assert_eq!(metadata.annotations.unwrap().get(WORKFLOW_UID).map(String::as_str), Some("u1"));
    }

    /// The revision of a workflow with a long name has a name that is a valid label value.
    #[test]
    fn the_name_is_a_valid_label_value() {
        let name = build(&workflow(&"x-".repeat(31), "u1"), "acme").unwrap().name_any();
        assert!(name.len() <= 63 && !name.contains("--"), "{name}");
    }
}
