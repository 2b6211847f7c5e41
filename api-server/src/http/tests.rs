//! What holds for every path.

use axum::{body::Body, http::Request};
use sqlx::PgPool;

use super::testing::Server;

/// A client that reads `code` fails on answers that libraries have made.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn every_failure_is_a_problem(pool: PgPool) {
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

/// The published document is not the one that clients are made from.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_openapi_document_is_served_to_everyone(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.anonymous("/openapi.json").await;
    assert_eq!(answer.body["openapi"], "3.1.0");
    assert!(answer.body["paths"]["/v1/workflows/{id}/runs"]["post"].is_object());
}
