//! Workflows.

use anyhow::Context as _;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
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
    let first = revision(&world).await?;
    for (description, same) in [(json!("edited"), false), (json!(null), true)] {
        describe(&world, description).await?;
        assert_eq!(revision(&world).await? == first, same);
    }
    Ok(())
}

/// Old revisions pile up, one a change; or one is deleted that a run needs, and the run with it.
#[tokio::test]
async fn the_last_ten_revisions_are_kept_and_those_that_runs_need() -> anyhow::Result<()> {
    let world = World::with_workflow("revisions", objects::plan()).await?;
    let first = revision(&world).await?;
    world.run("long", json!({"quantity": 1})).await?;
    world.assigned("long").await?;
    let mut made = vec![first.clone()];
    for edit in 1..=12 {
        describe(&world, json!(format!("edit {edit}"))).await?;
        made.push(revision(&world).await?);
    }
    let mut kept = made.split_off(made.len() - 10);
    kept.sort_unstable();
    let with_first = |found: &Vec<String>| {
        let mut expected = kept.clone();
        expected.push(first.clone());
        expected.sort_unstable();
        *found == expected
    };
    let found = async || revisions(&world).await;
    wait::until("the last ten are there, and the first, which a run needs", DEADLINE, found, with_first)
        .await?;
    world.finish_run("long").await?;
    wait::until("only the last ten are there", DEADLINE, found, |found| *found == kept).await?;
    Ok(())
}

/// A workflow whose edits were undone loses its revision when an old run of it ends, and its new runs wait for ever.
#[tokio::test]
async fn an_old_revision_that_is_the_current_one_again_is_kept() -> anyhow::Result<()> {
    let world = World::with_workflow("undone", objects::plan()).await?;
    let first = revision(&world).await?;
    world.run("long", json!({"quantity": 1})).await?;
    world.assigned("long").await?;
    for edit in 1..=11 {
        describe(&world, json!(format!("edit {edit}"))).await?;
        revision(&world).await?;
    }
    describe(&world, json!(null)).await?;
    assert_eq!(revision(&world).await?, first);
    world.finish_run("long").await?;
    let found = async || revisions(&world).await;
    let found = wait::until("ten are left", DEADLINE, found, |found| found.len() == 10).await?;
    assert!(found.contains(&first), "{first} is not in {found:?}");
    world.run("order-7", json!({"quantity": 1})).await?;
    world.assigned("order-7").await?;
    Ok(())
}

async fn describe(world: &World, description: Value) -> anyhow::Result<()> {
    let edit = Patch::Merge(json!({"spec": {"description": description}}));
    world.workflows.patch("intake", &PatchParams::default(), &edit).await?;
    Ok(())
}

/// The revision that new runs get, once the workflow as it is now was checked.
async fn revision(world: &World) -> anyhow::Result<String> {
    let workflow = world.workflow_with_valid("intake", "True").await?;
    let revision = workflow.status.and_then(|status| status.revision);
    Ok(revision.context("a valid workflow without revision")?.name)
}

/// All revisions in the namespace, by name.
async fn revisions(world: &World) -> anyhow::Result<Vec<String>> {
    let revisions: Api<ControllerRevision> = Api::namespaced(world.client.clone(), &world.namespace);
    let found = revisions.list(&ListParams::default()).await?.items;
    let mut names: Vec<_> = found.iter().map(ResourceExt::name_any).collect();
    names.sort_unstable();
    Ok(names)
}
