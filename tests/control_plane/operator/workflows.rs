//! Workflows.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, objects, world::World};

/// A person fixes one mistake at a time, and applies five times.
#[tokio::test]
async fn every_mistake_is_listed_at_once() -> anyhow::Result<()> {
    let world = World::with_tenant("mistakes", objects::plan()).await?;
    let spec = json!({"steps": [
        {"name": "first", "needs": ["second"], "expr": {"value": "${{ steps.third.output }}"}},
        {"name": "second", "needs": ["first"], "when": "1 +", "expr": {"value": 1}},
    ]});
    objects::create(&world.workflows, "Workflow", "intake", spec).await?;
    let workflow = world.workflow_with_valid("intake", "False").await?;
    let problems = workflow.status.unwrap_or_default().problems;
    let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["UnknownStep", "Cycle", "ExpressionSyntax"], "{problems:#?}");
    Ok(())
}

/// A revision whose code has `<` or `&` can never be written again, and holds up its deletion for ever.
#[tokio::test]
async fn revisions_survive_characters_that_json_encoders_escape() -> anyhow::Result<()> {
    let world = World::with_workflow("revision", objects::plan()).await?;
    let workflow = world.workflows.get("intake").await?;
    let name =
        workflow.status.and_then(|status| status.revision).map(|revision| revision.name).unwrap_or_default();
    let revisions: Api<ControllerRevision> = Api::namespaced(world.client.clone(), &world.namespace);
    let label = Patch::Merge(json!({"metadata": {"labels": {"touched": "yes"}}}));
    revisions.patch(&name, &PatchParams::default(), &label).await?;
    world.workflows.delete("intake", &DeleteParams::default()).await?;
    let revision = async || Ok(revisions.get_opt(&name).await?);
    wait::until("the revision goes with its workflow", DEADLINE, revision, Option::is_none).await?;
    Ok(())
}

/// An edited workflow goes on running as it was before; or back, as it never was.
#[tokio::test]
async fn an_edit_makes_a_new_revision_and_undoing_it_the_old_one() -> anyhow::Result<()> {
    let world = World::with_workflow("edit", objects::plan()).await?;
    let revision = async |world: &World| {
        let workflow = world.workflow_with_valid("intake", "True").await?;
        anyhow::Ok(workflow.status.and_then(|status| status.revision).map(|revision| revision.name))
    };
    let first = revision(&world).await?;
    for (description, same) in [(json!("edited"), false), (json!(null), true)] {
        let edit = Patch::Merge(json!({"spec": {"description": description}}));
        world.workflows.patch("intake", &PatchParams::default(), &edit).await?;
        assert_eq!(revision(&world).await? == first, same);
    }
    Ok(())
}
