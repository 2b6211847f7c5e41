//! Mistakes that are reported before a pod is created.

use crds::run::RunPhase;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, api::ListParams};
use serde_json::json;

use super::fixture::{Fixture, error};

/// All mistakes of a workflow are reported at once, each with its own message.
#[tokio::test]
async fn five_mistakes_give_five_messages() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        input: {schema: {type: objekt}}
        steps:
        - {name: a, needs: [b], expr: {value: 1}}
        - {name: b, needs: [a], expr: {value: 2}}
        - {name: c, when: 'input.(', expr: {value: 3}}
        - {name: d, expr: {value: '${{ steps.nobody.output }}'}}
        - {name: e, with: {x: '${{ steps.d.output }}'}, expr: {value: 5}}";
    let status = fixture.apply_workflow("mistakes", spec).await?.status.unwrap_or_default();
    let paths: Vec<&str> = status.problems.iter().map(|problem| problem.path.as_str()).collect();
    for path in
        ["spec.input.schema", "spec.steps[2].when", "spec.steps[3].expr.value", "spec.steps[4].with.x"]
    {
        assert!(paths.contains(&path), "{path} is not among {paths:?}");
    }
    let has_cycle =
        paths.iter().any(|path| path.starts_with("spec.steps[0]") || path.starts_with("spec.steps[1]"));
    assert!(has_cycle, "the cycle is not among {paths:?}");
    Ok(())
}

/// A run whose input violates its schema fails without a pod, with the location of the violation.
#[tokio::test]
async fn input_that_violates_its_schema_fails_without_a_pod() -> anyhow::Result<()> {
    let fixture = Fixture::get_or_create().await?;
    let spec = "
        input: {schema: {type: object, properties: {lines: {items: {properties: {quantity: {type: integer}}}}}}}
        steps: [{name: only, python: {code: 'def run(input, ctx): return 1'}}]";
    let workflow = fixture.apply_workflow("schema", spec).await?;
    let run = fixture.start(&workflow, json!({"lines": [{"quantity": 1}, {"quantity": "two"}]})).await?;
    let status = fixture.wait_for_end(&run).await?;
    assert_eq!(status.phase, Some(RunPhase::Failed));
    let (kind, message) = error(&status)?;
    assert!(kind.starts_with("Schema/") && message.contains("/lines/1/quantity"), "{kind}: {message}");
    let run_selector = ListParams::default().labels(&format!("smbcopilot.dev/run={run}"));
    let jobs = Api::<Job>::namespaced(fixture.client.clone(), &fixture.namespace).list(&run_selector).await?;
    let pods = Api::<Pod>::namespaced(fixture.client.clone(), &fixture.namespace).list(&run_selector).await?;
    assert_eq!((jobs.items.len(), pods.items.len()), (0, 0));
    Ok(())
}
