//! Validation and revisions of workflows.

use anyhow::Context as _;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects};

/// All problems of a workflow are reported at once.
#[tokio::test]
async fn all_problems_are_reported_at_once() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("mistakes", objects::plan()).await?;
    let spec = json!({"steps": [
        {"name": "first", "needs": ["second"], "expr": {"value": "${{ steps.third.output }}"}},
        {"name": "second", "needs": ["first"], "when": "1 +", "expr": {"value": 1}},
    ]});
    objects::create(&fixture.workflows, "Workflow", "intake", spec).await?;
    let workflow = fixture.workflow_with_valid("intake", "False").await?;
    let problems = workflow.status.unwrap_or_default().problems;
    let codes: Vec<_> = problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["UnknownStep", "Cycle", "ExpressionSyntax"], "{problems:#?}");
    Ok(())
}

/// A revision whose code contains `<` or `&` can be updated and deleted.
#[tokio::test]
async fn revisions_with_escaped_characters_can_be_updated_and_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("revision", objects::plan()).await?;
    let workflow = fixture.workflows.get("intake").await?;
    let name =
        workflow.status.and_then(|status| status.revision).map(|revision| revision.name).unwrap_or_default();
    let revisions: Api<ControllerRevision> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let label = Patch::Merge(json!({"metadata": {"labels": {"touched": "yes"}}}));
    revisions.patch(&name, &PatchParams::default(), &label).await?;
    fixture.workflows.delete("intake", &DeleteParams::default()).await?;
    let revision = async || Ok(revisions.get_opt(&name).await?);
    wait::until("the revision is deleted with its workflow", DEADLINE, revision, Option::is_none).await?;
    Ok(())
}

/// An edit of a workflow creates a new revision, and undoing it selects the old one.
#[tokio::test]
async fn an_edit_creates_a_revision_and_undoing_it_selects_the_old_one() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("edit", objects::plan()).await?;
    let first = revision(&fixture).await?;
    for (description, same) in [(json!("edited"), false), (json!(null), true)] {
        describe(&fixture, description).await?;
        assert_eq!(revision(&fixture).await? == first, same);
    }
    Ok(())
}

/// The last ten revisions and those that runs need are retained; others are deleted.
#[tokio::test]
async fn the_last_ten_revisions_and_those_of_runs_are_retained() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("revisions", objects::plan()).await?;
    let first = revision(&fixture).await?;
    fixture.run("long", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("long").await?;
    let mut created = vec![first.clone()];
    for edit in 1..=12 {
        describe(&fixture, json!(format!("edit {edit}"))).await?;
        created.push(revision(&fixture).await?);
    }
    let mut retained = created.split_off(created.len() - 10);
    retained.sort_unstable();
    let with_first = |found: &Vec<String>| {
        let mut expected = retained.clone();
        expected.push(first.clone());
        expected.sort_unstable();
        *found == expected
    };
    let found = async || revisions(&fixture).await;
    wait::until(
        "the last ten revisions remain, and the first, which a run needs",
        DEADLINE,
        found,
        with_first,
    )
    .await?;
    fixture.finish_run("long").await?;
    wait::until("only the last ten revisions remain", DEADLINE, found, |found| *found == retained).await?;
    Ok(())
}

/// An old revision that is the current one again is retained when an old run of it ends.
#[tokio::test]
async fn an_old_revision_that_is_current_again_is_retained() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("undone", objects::plan()).await?;
    let first = revision(&fixture).await?;
    fixture.run("long", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("long").await?;
    for edit in 1..=11 {
        describe(&fixture, json!(format!("edit {edit}"))).await?;
        revision(&fixture).await?;
    }
    describe(&fixture, json!(null)).await?;
    assert_eq!(revision(&fixture).await?, first);
    fixture.finish_run("long").await?;
    let found = async || revisions(&fixture).await;
    let found = wait::until("ten revisions remain", DEADLINE, found, |found| found.len() == 10).await?;
    assert!(found.contains(&first), "{first} is not in {found:?}");
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    Ok(())
}

async fn describe(fixture: &Fixture, description: Value) -> anyhow::Result<()> {
    let edit = Patch::Merge(json!({"spec": {"description": description}}));
    fixture.workflows.patch("intake", &PatchParams::default(), &edit).await?;
    Ok(())
}

/// Waits until the current workflow is validated and returns the revision that new runs get.
async fn revision(fixture: &Fixture) -> anyhow::Result<String> {
    let workflow = fixture.workflow_with_valid("intake", "True").await?;
    let revision = workflow.status.and_then(|status| status.revision);
    Ok(revision.context("the valid workflow has no revision")?.name)
}

/// Returns the names of all revisions in the namespace, sorted.
async fn revisions(fixture: &Fixture) -> anyhow::Result<Vec<String>> {
    let revisions: Api<ControllerRevision> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let found = revisions.list(&ListParams::default()).await?.items;
    let mut names: Vec<_> = found.iter().map(ResourceExt::name_any).collect();
    names.sort_unstable();
    Ok(names)
}
