//! Guarantees for all paths.

use axum::{Router, body::Body, http::Request, routing::get};
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use telemetry::Registry;
use tower::ServiceExt as _;

use super::{Metrics, testing::Server};

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
    let router = super::with_public_layers(routes, Metrics::registered(&Registry::default()));
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
