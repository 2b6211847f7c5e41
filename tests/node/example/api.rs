//! The examples by REST and GraphQL.

use std::{fs, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crds::run::RunPhase;
use serde_json::{Value, json};
use tests::{api::ApiClient, tenant_namespace::TenantNamespace, wait};

/// Deadline of a wait: ten times the time until a run is archived.
const DEADLINE: Duration = Duration::from_secs(30);
const ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/orders.csv");
const QUERY: &str = "query($id: ID!) { workflowRun(id: $id) {
    name workflowName revision status trigger { kind by } requestedBy priority input output
    createdAt updatedAt startedAt finishedAt
    steps { name status attempt startedAt finishedAt output error { code } } } }";

/// REST, GraphQL and kubectl return the same data of a run that was started by REST.
#[tokio::test]
async fn orders_are_posted_and_read_by_every_api() -> anyhow::Result<()> {
    let api = ApiClient::admin()?;
    let start = format!("/v1/workflows/{}/runs", order_invoice(&api).await?);
    let body = json!({"input": {"orders": fs::read_to_string(ORDERS)?}});
    let response = api.post(&start, &[("Prefer", "wait=50")], &body).await?;
    assert_eq!((response.status, &response.body["status"]), (200, &json!("SUCCEEDED")), "{response:#?}");
    assert!(response.body["output"]["grossMinor"].as_i64().is_some_and(|gross| gross > 0), "{response:#?}");

    let id = response.body["id"].as_str().context("the run has no ID")?;
    let (path, node) = (format!("/v1/workflow-runs/{id}"), STANDARD.encode(format!("WorkflowRun:{id}")));
    // A run that has just ended is written once more when it is archived, so the reads are repeated until
    // they agree.
    let observe = async || {
        let rest = api.get(&path).await?.body;
        let steps = api.get(&format!("{path}/steps")).await?.list();
        let graphql = api.graphql(QUERY, &json!({"id": node})).await?["workflowRun"].clone();
        let is_same = api.get(&path).await?.body == rest;
        Ok((is_same, rest, steps, graphql))
    };
    let (_, rest, steps, graphql) =
        wait::until("the run is no longer written", DEADLINE, observe, |(is_same, ..)| *is_same).await?;
    assert_same(&graphql, &rest);
    let graphql_steps = graphql["steps"].as_array().context("the run has no steps")?;
    assert_eq!((steps.len(), graphql_steps.len()), (5, 5), "{steps:#?}");
    for (graphql_step, rest_step) in graphql_steps.iter().zip(&steps) {
        assert_same(graphql_step, rest_step);
    }

    let runs = TenantNamespace::for_tenant("acme").await?.runs();
    let run = runs.get(rest["name"].as_str().context("the run has no name")?).await?;
    assert_eq!(run.metadata.uid.as_deref(), Some(id));
    let status = run.status.unwrap_or_default();
    assert_eq!((status.phase, status.output.as_ref()), (Some(RunPhase::Succeeded), rest.get("output")));
    Ok(())
}

/// The token determines which requests are permitted and which tenant they belong to.
#[tokio::test]
async fn the_token_determines_permissions_and_tenant() -> anyhow::Result<()> {
    let (admin, viewer, globex_admin) =
        (ApiClient::admin()?, ApiClient::viewer()?, ApiClient::globex_admin()?);
    let workflow = format!("/v1/workflows/{}", order_invoice(&admin).await?);
    let body = json!({"input": {"orders": "order\n"}});
    let problem = |response: tests::api::ApiResponse| (response.status, response.body["code"].clone());
    assert_eq!(viewer.get(&workflow).await?.status, 200);
    let refused = viewer.post(&format!("{workflow}/runs"), &[], &body).await?;
    assert_eq!(problem(refused), (403, json!("forbidden")));
    let missing = globex_admin.get(&workflow).await?;
    assert_eq!(problem(missing), (404, json!("not_found")));
    let anonymous = ApiClient::anonymous()?.get(&workflow).await?;
    assert_eq!(anonymous.status, 401);
    assert!(anonymous.headers.contains_key("www-authenticate"), "{anonymous:#?}");
    Ok(())
}

async fn order_invoice(api: &ApiClient) -> anyhow::Result<String> {
    let workflows = api.get("/v1/workflows?limit=100").await?.list();
    let found = workflows.iter().find(|workflow| workflow.get("name") == Some(&json!("order-invoice")));
    let id = found.and_then(|workflow| workflow.get("id")).and_then(Value::as_str);
    Ok(id.with_context(|| format!("order-invoice is not among {workflows:#?}"))?.to_owned())
}

/// Asserts that every queried GraphQL field equals the REST field with the same name; steps are compared one
/// by one.
fn assert_same(graphql: &Value, rest: &Value) {
    for (field, value) in graphql.as_object().into_iter().flatten().filter(|(field, _)| *field != "steps") {
        match (value, rest.get(field)) {
            (Value::Object(_), Some(inner @ Value::Object(_))) => assert_same(value, inner),
            (value, rest_value) => assert_eq!(Some(value), rest_value, "{field} of {rest:#?}"),
        }
    }
}
