use axum::{
    Router,
    extract::Request as Incoming,
    http::{StatusCode, header},
    routing::{any, get},
};
use crds::workflow::{HttpMethod, HttpResponse};
use domain::{egress::Egress, workflow::HttpBody};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{HttpError, Request, Response, address::Target, exchange, send};

/// Tells what came: method, path and query, the headers that matter, body.
async fn echo(incoming: Incoming) -> axum::Json<Value> {
    let (parts, body) = incoming.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
    axum::Json(
        json!({"method": parts.method.as_str(), "uri": parts.uri.to_string(), "key": header("idempotency-key"),
           "type": header("content-type"), "own": header("x-own"), "body": String::from_utf8_lossy(&body)}),
    )
}

async fn serve() -> Target {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/json", get(|| async { axum::Json(json!({"a": 1})) }))
        .route("/text", get(|| async { "grüße" }))
        .route("/large", get(|| async { "x".repeat(4096) }))
        .route("/failed", get(|| async { (StatusCode::BAD_GATEWAY, "<html>down</html>") }))
        .route(
            "/moved",
            get(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]) }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    Target { host: "shop.example".into(), addresses: vec![address] }
}

fn rendered(target: &Target, path: &str) -> domain::run::Request {
    domain::run::Request {
        method: HttpMethod::Get,
        url: format!("http://{}:{}{path}", target.host, target.addresses[0].port()),
        headers: [].into(),
        query: [].into(),
        body: None,
        credentials: None,
        response: None,
        max_response_bytes: 1024,
        tls: domain::workflow::HttpTls::default(),
    }
}

fn parse(rendered: domain::run::Request) -> Request {
    Request::parse(rendered, "run-7/price").unwrap()
}

async fn get_as(path: &str, response: Option<HttpResponse>) -> Result<Response, HttpError> {
    let target = serve().await;
    exchange(parse(domain::run::Request { response, ..rendered(&target, path) }), &target).await
}

/// A service gets other data than the step's author wrote, or cannot recognise a repetition.
#[tokio::test]
async fn method_query_headers_body_and_key_arrive() {
    let target = serve().await;
    let request = parse(domain::run::Request {
        method: HttpMethod::Post,
        headers: [("X-Own".to_owned(), "1".to_owned())].into(),
        query: [("q".to_owned(), "a&b".to_owned())].into(),
        body: Some(HttpBody::Json(json!({"sku": "BR-101"}))),
        ..rendered(&target, "/echo")
    });
    let response = exchange(request, &target).await.unwrap();
    assert_eq!(
        response.body,
        json!({"method": "POST", "uri": "/echo?q=a%26b", "key": "run-7/price", "own": "1",
               "type": "application/json", "body": "{\"sku\":\"BR-101\"}"})
    );
}

/// An answer is taken for what it is not.
#[tokio::test]
async fn the_body_is_read_as_the_step_says() {
    assert_eq!(get_as("/json", None).await.unwrap().body, json!({"a": 1}));
    assert_eq!(get_as("/text", None).await.unwrap().body, json!("grüße"));
    assert_eq!(get_as("/text", Some(HttpResponse::Text)).await.unwrap().body, json!("grüße"));
    assert_eq!(get_as("/text", Some(HttpResponse::Bytes)).await.unwrap().body, json!("Z3LDvMOfZQ=="));
    assert!(matches!(
        get_as("/text", Some(HttpResponse::Json)).await,
        Err(HttpError::NotJson { status: 200, .. })
    ));
    let failed = get_as("/failed", Some(HttpResponse::Json)).await.unwrap();
    assert_eq!((failed.status, failed.body), (502, json!("<html>down</html>")));
}

/// One answer fills the runner's memory.
#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    assert!(matches!(
        get_as("/large", Some(HttpResponse::Text)).await,
        Err(HttpError::TooLarge { limit: 1024 })
    ));
}

/// A redirect leads past the egress check, to the cloud's metadata service.
#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let moved = get_as("/moved", Some(HttpResponse::Text)).await.unwrap();
    assert_eq!(moved.status, 302);
    assert_eq!(moved.headers.get("location").map(String::as_str), Some("http://169.254.169.254/"));
}

/// A tenant's step reaches addresses that its plan does not name.
#[tokio::test]
async fn what_the_egress_does_not_name_is_refused_after_resolution() {
    let target = serve().await;
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let url = format!("http://{host}:{}/text", target.addresses[0].port());
        let request = domain::run::Request { url, ..rendered(&target, "/text") };
        assert!(
            matches!(send(parse(request), &Egress::default()).await, Err(HttpError::Denied { .. })),
            "{host}"
        );
    }
}
