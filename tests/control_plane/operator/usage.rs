//! Tenants that use more than their plan allows.

use crds::conditions;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;
use tokio::sync::Mutex;

use super::{DEADLINE, fixture::Fixture, objects, process};

/// Lock of the tests that change the condition `PolicyReady` of all tenants, or its reason.
pub(super) static POLICY_CONDITIONS: Mutex<()> = Mutex::const_new(());

async fn change_plan(fixture: &Fixture, spec: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    fixture.plans.patch(&fixture.slug, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// A plan that allows less than a tenant uses ends none of its runs and pods. The tenant stays Ready, its condition
/// `PolicyReady` and an Event name each limit with both numbers, and the condition holds again once the usage is lower.
#[tokio::test]
async fn a_tenant_above_its_plan_loses_nothing_until_its_usage_is_lower() -> anyhow::Result<()> {
    let _alone = POLICY_CONDITIONS.lock().await;
    // Another operator publishes the Event again, or none if the first one was killed after its write of the status.
    let _same = process::retain().await;
    let plan = objects::with(objects::plan(), "limits", json!({"concurrentRuns": 2}));
    let fixture = Fixture::with_workflow("above", plan).await?;
    let mut pods = Vec::new();
    for run in ["first", "second"] {
        fixture.run(run, json!({"quantity": 1})).await?;
        pods.push(fixture.wait_until_assigned(run).await?);
    }
    change_plan(&fixture, json!({"limits": {"concurrentRuns": 1}, "namespace": {"pods": 1}})).await?;
    let both = format!(
        "more than plan {} allows: 2 of 1 namespace.pods, 2 of 1 limits.concurrentRuns.",
        fixture.slug
    );
    let tenant = fixture
        .tenant_until("is above its plan", |tenant| {
            let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
            conditions::get(conditions, conditions::POLICY_READY)
                .is_some_and(|policy| policy.reason == "UsageAbovePlan" && policy.message.contains(&both))
        })
        .await?;
    let status = tenant.status.unwrap_or_default();
    assert!(conditions::is_true(&status.conditions, conditions::READY), "{status:#?}");
    let events: Api<Event> = Api::all(fixture.client.clone());
    let about = format!("regarding.name={},reason=UsageAbovePlan", fixture.slug);
    let found = async || Ok(events.list(&ListParams::default().fields(&about)).await?.items.len());
    wait::until("an Event says so", DEADLINE, found, |count| *count == 1).await?;
    for (run, pod) in ["first", "second"].into_iter().zip(&pods) {
        assert_eq!(&fixture.wait_until_assigned(run).await?, pod);
    }
    let existing: Vec<_> = fixture.pods.list(&ListParams::default()).await?.items;
    assert_eq!(existing.iter().filter_map(ResourceExt::uid).filter(|uid| pods.contains(uid)).count(), 2);
    fixture.finish_run("first").await?;
    fixture.tenant_with_reason(conditions::POLICY_READY, "Applied").await?;
    Ok(())
}
