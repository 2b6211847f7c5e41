//! Revisions: a workflow's spec as it was, in an immutable ControllerRevision.

use crds::{
    RevisionData, Workflow,
    labels::{self, Child},
    names,
    workflow::RevisionRef,
};
use k8s_openapi::{
    api::apps::v1::ControllerRevision,
    apimachinery::pkg::{
        apis::meta::v1::{ObjectMeta, OwnerReference},
        runtime::RawExtension,
    },
};
use kube::{Resource as _, ResourceExt as _};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// A revision's name is a label of its Jobs, and so at most 63 characters: 52 of the workflow's name, a dash
/// and 10 hex digits.
const NAME_PREFIX: usize = 52;

/// Makes the revision of a workflow's spec unless it is there already.
///
/// # Errors
/// The API server refuses it.
pub(super) async fn ensure(ctx: &Context, workflow: &Workflow, tenant: &str) -> Result<RevisionRef, Error> {
    let revision = build(workflow, tenant)?;
    let wanted = RevisionRef { name: revision.name_any(), generation: workflow.metadata.generation };
    let known = workflow.status.as_ref().and_then(|status| status.revision.as_ref());
    if known.is_some_and(|known| known.name == wanted.name) {
        // A spec that was changed and changed back has the same revision as before, of another generation.
        return Ok(wanted);
    }
    let api = within::<ControllerRevision>(&ctx.client, &workflow.namespace().unwrap_or_default());
    if api::get(&api, &wanted.name).await?.is_none() {
        // By apply, which canonicalises the data: data that was POSTed with `<` or `&` can never be patched again.
        api::apply(&api, &revision).await?;
    }
    Ok(wanted)
}

fn build(workflow: &Workflow, tenant: &str) -> Result<ControllerRevision, Error> {
    let name = workflow.name_any();
    let data = RevisionData::new(name.clone(), workflow.spec.clone());
    let encode = |source| Error::Encode { what: "a workflow's revision", source };
    let data = serde_json::to_value(data).map_err(encode)?;
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
            owner_references: Some(vec![owner(workflow)]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision: workflow.metadata.generation.unwrap_or_default(),
    })
}

fn revision_name(workflow: &Workflow, data: &serde_json::Value) -> String {
    let name = workflow.name_any();
    let prefix = name.get(..NAME_PREFIX).unwrap_or(&name).trim_end_matches(['-', '.']);
    let uid = workflow.uid().unwrap_or_default();
    format!("{prefix}-{}", names::digest(&[&uid, &data.to_string()], 10))
}

/// Revisions go with their workflow; they never hold up its deletion.
fn owner(workflow: &Workflow) -> OwnerReference {
    OwnerReference {
        api_version: Workflow::api_version(&()).into_owned(),
        kind: Workflow::kind(&()).into_owned(),
        name: workflow.name_any(),
        uid: workflow.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
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

    /// A workflow that is deleted and made again runs revisions that go away with the old one.
    #[test]
    fn a_revision_is_named_by_uid_and_content() {
        let name = |workflow: &Workflow| build(workflow, "acme").unwrap().name_any();
        let first = workflow("intake", "u1");
        let mut edited = first.clone();
        edited.spec.description = Some("a < b && c".to_owned());
        assert_eq!(name(&first), name(&workflow("intake", "u1")));
        assert_ne!(name(&first), name(&workflow("intake", "u2")));
        assert_ne!(name(&first), name(&edited));
    }

    /// A workflow with a long name has no runs: its revision's name is no label.
    #[test]
    fn the_name_fits_a_label() {
        let name = build(&workflow(&"x-".repeat(31), "u1"), "acme").unwrap().name_any();
        assert!(name.len() <= 63 && !name.contains("--"), "{name}");
    }
}
