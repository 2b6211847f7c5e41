//! Tests of the queries and mutations of administrators of the platform.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{ACME, Answer, RUN, Server};

/// Returns the code of the first user error of a mutation.
fn user_error<'a>(answer: &'a Answer, mutation: &str) -> Option<&'a str> {
    answer.body["data"][mutation]["userErrors"][0]["code"].as_str()
}

/// Administrators of the platform read all tenants with their plans; members of a tenant read none but their own.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn administrators_of_the_platform_read_all_tenants(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($ids: [ID!]!) {
      tenants(first: 10, orderBy: CREATED_AT_ASC, filter: {status: ACTIVE}) { nodes { slug plan { name } } }
      nodes(ids: $ids) { ... on Tenant { slug } }
    }";
    let globex = id("Tenant", "a0000000-0000-4000-8000-000000000002");
    let variables = json!({"ids": [globex, id("Tenant", ACME)]});
    let body = json!({"query": document, "variables": variables}).to_string();
    let json = [("content-type", "application/json")];
    let answer = server.platform("platform-support", "POST", "/graphql", &json, &body).await;
    let starter = json!({"name": "starter"});
    assert_eq!(
        answer.body["data"],
        json!({
            "tenants": {"nodes": [{"slug": "acme", "plan": starter}, {"slug": "globex", "plan": starter}]},
            "nodes": [{"slug": "globex"}, {"slug": "acme"}],
        }),
        "{}",
        answer.body
    );
    let owner = server.graphql("owner", "{ tenants(first: 1) { nodes { slug } } }", json!({})).await;
    assert_eq!(code(&owner), Some("FORBIDDEN"));
    let own = server.graphql("owner", "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", variables).await;
    assert_eq!(own.body["data"]["nodes"][0], Value::Null, "{}", own.body);
}

/// Executes a mutation of tenants as an administrator of the platform.
async fn execute(server: &Server, role: &str, mutation: &str, input: Value) -> Answer {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation ($input: {kind}!) {{ {mutation}(input: $input) {{
           tenant {{ id slug name status settings plan {{ name }} generation }}
           userErrors {{ code field }} clientMutationId }} }}"
    );
    let body = json!({"query": query, "variables": {"input": input}}).to_string();
    server.platform(role, "POST", "/graphql", &[("content-type", "application/json")], &body).await
}

/// Administrators of the platform create tenants as by REST, once for each idempotency key.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn administrators_of_the_platform_create_tenants(pool: PgPool) {
    let server = Server::start(&pool).await;
    let new = json!({"slug": "initech", "plan": "starter", "name": "Initech", "settings": {"currency": "USD"},
                     "idempotencyKey": "initech-1", "clientMutationId": "m-1"});
    let created = execute(&server, "platform-operator", "createTenant", new.clone()).await;
    let payload = &created.body["data"]["createTenant"];
    assert_eq!(payload["tenant"]["plan"], json!({"name": "starter"}), "{}", created.body);
    assert_eq!((&payload["userErrors"], &payload["clientMutationId"]), (&json!([]), &json!("m-1")));
    let again = execute(&server, "platform-operator", "createTenant", new.clone()).await;
    assert_eq!(again.body["data"]["createTenant"]["tenant"]["id"], payload["tenant"]["id"]);
    let same = json!({"slug": "initech", "plan": "starter", "idempotencyKey": "2"});
    let other = execute(&server, "platform-operator", "createTenant", same).await;
    assert_eq!(user_error(&other, "createTenant"), Some("ALREADY_EXISTS"));
    let invalid =
        execute(&server, "platform-operator", "createTenant", json!({"slug": "Initech", "plan": "starter"}))
            .await;
    assert_eq!(
        invalid.body["data"]["createTenant"]["userErrors"],
        json!([{"code": "INVALID", "field": ["slug"]}])
    );
    let support = execute(&server, "platform-support", "createTenant", new).await;
    assert_eq!(code(&support), Some("FORBIDDEN"));
}

/// Administrators of the platform change, suspend and archive tenants as by REST.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn administrators_of_the_platform_change_tenants(pool: PgPool) {
    let server = Server::start(&pool).await;
    let tenant = id("Tenant", ACME);
    let change = json!({"tenantId": tenant, "settings": {"locale": "de"}, "generation": 1});
    let changed = execute(&server, "platform-operator", "updateAnyTenant", change.clone()).await;
    let payload = &changed.body["data"]["updateAnyTenant"]["tenant"];
    assert_eq!(payload["settings"], json!({"currency": "EUR", "locale": "de"}), "{}", changed.body);
    let stale = execute(&server, "platform-operator", "updateAnyTenant", change).await;
    assert_eq!(user_error(&stale, "updateAnyTenant"), Some("PRECONDITION_FAILED"));
    for (mutation, status) in [
        ("suspendTenant", "SUSPENDED"),
        ("resumeTenant", "ACTIVE"),
        ("archiveTenant", "ARCHIVED"),
        ("restoreTenant", "ACTIVE"),
    ] {
        let answer = execute(&server, "platform-admin", mutation, json!({"tenantId": tenant})).await;
        assert_eq!(answer.body["data"][mutation]["tenant"]["status"], status, "{}", answer.body);
    }
    let missing = json!({"tenantId": id("Tenant", RUN)});
    assert_eq!(
        user_error(&execute(&server, "platform-admin", "suspendTenant", missing).await, "suspendTenant"),
        Some("NOT_FOUND")
    );
    let archived = execute(&server, "platform-operator", "archiveTenant", json!({"tenantId": tenant})).await;
    assert_eq!(code(&archived), Some("FORBIDDEN"));
    let own = server
        .graphql(
            "owner",
            "mutation ($id: ID!) { suspendTenant(input: {tenantId: $id}) { clientMutationId } }",
            json!({"id": id("Tenant", ACME)}),
        )
        .await;
    assert_eq!(code(&own), Some("FORBIDDEN"));
}
