//! Tests of the subgraph of a federated graph.

use serde_json::json;
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{ACME, RUN, Server, WORKFLOW};

/// A gateway finds entities of all types by their keys, with the permission of each type, and nothing of other tenants.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn entities_are_found_by_their_keys(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename
      ... on Tenant { slug } ... on Plan { name } ... on Workflow { name } ... on WorkflowRun { name status } } }";
    let entity = |kind: &str, uuid: &str| json!({"__typename": kind, "id": id(kind, uuid)});
    let representations = [
        entity("WorkflowRun", RUN),
        entity("Workflow", WORKFLOW),
        entity("Plan", "d0000000-0000-4000-8000-000000000001"),
        entity("Tenant", ACME),
        entity("Tenant", "a0000000-0000-4000-8000-000000000002"),
        json!({"__typename": "Workflow", "id": id("WorkflowRun", RUN)}),
    ];
    let answer = server.graphql("viewer", document, json!({"r": representations})).await;
    assert_eq!(
        answer.body["data"]["_entities"],
        json!([
            {"__typename": "WorkflowRun", "name": "invoice-1", "status": "SUCCEEDED"},
            {"__typename": "Workflow", "name": "invoice"},
            {"__typename": "Plan", "name": "starter"},
            {"__typename": "Tenant", "slug": "acme"},
            null,
            null,
        ]),
        "{}",
        answer.body
    );
    let globex = json!({"query": document, "variables": {"r": [entity("WorkflowRun", RUN)]}});
    let globex = server.post("globex", "owner", "/graphql", &globex).await;
    assert_eq!(globex.body["data"]["_entities"], json!([null]), "{}", globex.body);
    let billing = server.graphql("billing", document, json!({"r": [entity("WorkflowRun", RUN)]})).await;
    assert_eq!(code(&billing), Some("FORBIDDEN"));
    let many =
        server.graphql("viewer", document, json!({"r": vec![entity("Workflow", WORKFLOW); 101]})).await;
    assert!(many.body["errors"][0]["message"].as_str().unwrap().contains("100 entities"), "{}", many.body);
    // A hundred entities of one type and five fields are within the cost; a hundred with a large connection are not.
    let costly = "query ($r: [_Any!]!) { _entities(representations: $r) { ... on Workflow { runs(first: 20) { nodes { id } } } } }";
    let costly =
        server.graphql("viewer", costly, json!({"r": vec![entity("Workflow", WORKFLOW); 100]})).await;
    assert!(costly.body["errors"][0]["message"].as_str().unwrap().contains("complex"), "{}", costly.body);
}

/// The definition of the subgraph is for those who may introspect the schema.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_subgraph_is_defined_for_gateways(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "{ _service { sdl } }";
    let admin = server.graphql("admin", document, json!({})).await;
    let sdl = admin.body["data"]["_service"]["sdl"].as_str().unwrap();
    assert!(sdl.contains("@key(fields: \"id\")") && sdl.contains("federation/v2"), "{sdl}");
    assert_eq!(code(&server.graphql("viewer", document, json!({})).await), Some("FORBIDDEN"));
}
