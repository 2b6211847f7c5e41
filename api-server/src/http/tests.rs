//! Guarantees for all paths.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, routing::get};
use http_body_util::BodyExt as _;
use serde_json::json;
use sqlx::PgPool;
use telemetry::Registry;
use tower::ServiceExt as _;

use super::{
    Metrics,
    testing::{ACME, FAILED_RUN, QUEUED_RUN, Server, WORKFLOW},
};

/// Every error response is a problem, including those that libraries make.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_error_response_is_a_problem(pool: PgPool) {
    let server = Server::start(&pool).await;
    for (tenant, method, path, status, code) in [
        ("acme", "GET", "/v2/workflows", 404, "not_found"),
        ("acme", "GET", "/v1/workflows/", 404, "not_found"),
        ("acme", "DELETE", "/v1/workflows", 405, "method_not_allowed"),
        ("acme", "GET", "/v1/workflows?limit=x", 400, "invalid_parameter"),
        ("initech", "GET", "/v1/workflows", 403, "tenant_unknown"),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", server.issuer.token(tenant, "viewer")))
            .header("x-request-id", "shop-7")
            .body(Body::empty())
            .unwrap();
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(
            (&answer.body["requestId"], &answer.headers["x-request-id"]),
            (&"shop-7".into(), &"shop-7".parse().unwrap())
        );
        assert_eq!(answer.body["instance"], path.split('?').next().unwrap());
    }
}

/// A panic is answered with 500, and its message never reaches the client.
#[tokio::test]
async fn a_panic_is_a_problem_without_details() {
    let routes = Router::new().route("/", get(async || -> () { panic!("the secret is 7") }));
    let router = super::with_public_layers(routes, Arc::default(), Metrics::registered(&Registry::default()));
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("\"code\":\"internal\"") && !text.contains("secret"), "{text}");
}

/// Everyone can read the OpenAPI document.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_openapi_document_is_public(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.anonymous("/openapi.json").await;
    assert_eq!(answer.body["openapi"], "3.1.0");
    assert!(answer.body["paths"]["/v1/workflows/{id}/runs"]["post"].is_object());
}

/// A suspended or archived tenant can be read, and every write of REST and GraphQL is refused for the same reason.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_tenant_that_is_not_active_is_read_only(pool: PgPool) {
    let server = Server::start(&pool).await;
    let global = |kind: &str, id: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(format!("{kind}:{id}"))
    };
    let (queued, failed) = (global("WorkflowRun", QUEUED_RUN), global("WorkflowRun", FAILED_RUN));
    for state in ["SUSPENDED", "ARCHIVED"] {
        let update = "update tenants set state = $1 where slug = 'acme'";
        sqlx::query(update).bind(state).execute(&pool).await.unwrap();
        for (method, path, body) in [
            ("POST", format!("/v1/workflows/{WORKFLOW}/runs"), json!({})),
            ("PUT", format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"), json!({"mode": "NOW"})),
            (
                "POST",
                format!("/v1/workflow-runs/{QUEUED_RUN}/decisions"),
                json!({"key": "write", "approved": true}),
            ),
            ("POST", format!("/v1/workflow-runs/{FAILED_RUN}/reruns"), json!({})),
        ] {
            let answer = match method {
                "PUT" => server.put("acme", "admin", &path, &body).await,
                _ => server.post("acme", "admin", &path, &body).await,
            };
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (423, Some("tenant_suspended")),
                "{path}"
            );
        }
        for (field, input) in [
            ("startWorkflowRun", json!({"workflowId": global("Workflow", WORKFLOW)})),
            ("cancelWorkflowRun", json!({"workflowRunId": queued, "mode": "NOW"})),
            ("decideWorkflowRun", json!({"workflowRunId": queued, "key": "write", "approved": true})),
            ("rerunWorkflowRun", json!({"workflowRunId": failed})),
        ] {
            let type_ = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
            let document = format!(
                "mutation ($input: {type_}!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}"
            );
            let answer = server.graphql("admin", &document, json!({"input": input})).await;
            let code = &answer.body["data"][field]["userErrors"][0]["code"];
            assert_eq!(code, "TENANT_SUSPENDED", "{field}: {}", answer.body);
        }
        assert_eq!(server.get("acme", "viewer", "/v1/workflows").await.status, 200);
    }
}

/// A tenant writes nothing in a namespace in which the operator has not set it up, which may be that of another tenant; its own
/// object can be changed.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_tenant_writes_nothing_in_a_namespace_that_is_not_its_own(pool: PgPool) {
    let server = Server::start(&pool).await;
    let taken = "update tenants set namespace = 't-globex', status = '{}' where slug = 'acme'";
    let not_set_up =
        "update tenants set namespace = 't-acme', status = '{\"phase\": \"Pending\"}' where slug = 'acme'";
    let other = "update tenants set namespace = 't-globex', status = '{\"namespace\": \"t-acme\"}' where slug = 'acme'";
    let create = json!({"name": "orders", "steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]});
    for state in [taken, not_set_up, other] {
        sqlx::query(state).execute(&pool).await.unwrap();
        for (method, path, body) in [
            ("POST", "/v1/workflows".to_owned(), create.clone()),
            ("POST", "/v1/workflows?dryRun=true".to_owned(), create.clone()),
            ("PATCH", format!("/v1/workflows/{WORKFLOW}"), json!({"timeout": "5m"})),
            ("PUT", format!("/v1/workflows/{WORKFLOW}/archive"), json!({})),
            ("POST", format!("/v1/workflows/{WORKFLOW}/runs"), json!({})),
            ("PUT", format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"), json!({"mode": "NOW"})),
            ("POST", format!("/v1/workflow-runs/{FAILED_RUN}/reruns"), json!({})),
        ] {
            let merge_patch = [("content-type", "application/merge-patch+json"), ("if-match", "*")];
            let answer = match method {
                "PUT" => server.put("acme", "admin", &path, &body).await,
                "PATCH" => server.patch("acme", "admin", &path, &merge_patch, &body.to_string()).await,
                _ => server.post("acme", "admin", &path, &body).await,
            };
            assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("conflict")), "{path}");
            assert!(answer.body["detail"].as_str().unwrap().contains("NamespaceReady"), "{}", answer.body);
        }
        assert!(!server.kubernetes.has_workflow("orders"));
    }
    let merge_patch = [("content-type", "application/merge-patch+json")];
    let answer =
        server.patch("acme", "admin", "/v1/tenant", &merge_patch, r#"{"settings": {"locale": "de"}}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The examples of bodies that create or change workflows and tenants are accepted as they are in the document.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_examples_of_definitions_are_accepted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document: serde_json::Value = serde_json::from_str(&super::openapi_json().unwrap()).unwrap();
    let example = |schema: &str| document["components"]["schemas"][schema]["example"].to_string();
    let (json, patch) = ("application/json", "application/merge-patch+json");
    let platform = server.issuer.platform_token("platform-admin");
    let admin = server.issuer.token("acme", "admin");
    for (token, method, path, media, schema, status) in [
        (&admin, "POST", "/v1/workflows".to_owned(), json, "CreateWorkflow", 201),
        (&admin, "PATCH", format!("/v1/workflows/{WORKFLOW}"), patch, "UpdateWorkflow", 200),
        (&platform, "POST", "/v1/tenants".to_owned(), json, "CreateTenant", 201),
        (&platform, "PATCH", format!("/v1/tenants/{ACME}"), patch, "UpdateTenant", 200),
        (&admin, "PATCH", "/v1/tenant".to_owned(), patch, "UpdateOwnTenant", 200),
    ] {
        let request = Request::builder().method(method).uri(&path).header("content-type", media);
        let request = request.header("authorization", format!("Bearer {token}")).header("if-match", "*");
        let answer = server.send(request.body(Body::from(example(schema))).unwrap()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
}
