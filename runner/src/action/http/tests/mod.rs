//! HTTP requests to a real server in the same process.

use std::time::Duration;

use axum::{
    Router,
    extract::Request as Incoming,
    http::{StatusCode, header},
    routing::{any, get},
};
use crds::workflow::{HttpMethod, HttpResponse};
use domain::{
    egress::Egress,
    workflow::{HttpBody, HttpCredentials},
};
use serde_json::{Value, json};
use telemetry::trace::TraceContext;
use tokio::net::TcpListener;

use super::{
    address::Resolver,
    client::{send, send_once},
    errors::HttpError,
    request::Request,
    response::Response,
};
use crate::secrets::{Redactor, Secrets};

mod bodies;
mod tls;

/// Server of a test: the host name in the URLs, and its addresses.
struct TestServer {
    host: String,
    addresses: Vec<std::net::SocketAddr>,
}

/// Sends a request to the server, whatever the host name.
async fn send_to(request: Request, target: &TestServer) -> Result<Response, HttpError> {
    send(request, &Resolver::Test(target.addresses.clone()), &Redactor::new(&secrets()).unwrap()).await
}

fn secrets() -> Secrets {
    [("erp".to_owned(), [("key".to_owned(), "s3cret-key".to_owned())].into())].into()
}

/// Responds with a description of the request: method, path and query, some headers, and body.
async fn echo(incoming: Incoming) -> axum::Json<Value> {
    let (parts, body) = incoming.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
    axum::Json(
        json!({"method": parts.method.as_str(), "uri": parts.uri.to_string(), "key": header("idempotency-key"),
           "type": header("content-type"), "authorization": header("authorization"), "secret": header("x-key"), "own": header("x-own"), "body": String::from_utf8_lossy(&body)}),
    )
}

/// Redirects to the same server under another host name.
async fn redirect_to_other_host(incoming: Incoming) -> (StatusCode, [(header::HeaderName, String); 1]) {
    let host = incoming.headers().get("host").unwrap().to_str().unwrap().replace("shop", "attacker");
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("http://{host}/echo"))])
}

async fn serve() -> TestServer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/json", get(|| async { axum::Json(json!({"a": 1})) }))
        .route("/text", get(|| async { "grüße" }))
        .route("/large", get(|| async { "x".repeat(4096) }))
        .route("/failed", get(|| async { (StatusCode::BAD_GATEWAY, "<html>down</html>") }))
        .route(
            "/metadata",
            get(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]) }),
        )
        .route(
            "/busy",
            get(|| async { (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], "x".repeat(5000)) }),
        )
        .route("/file", any(|| async { (StatusCode::FOUND, [(header::LOCATION, "file:///etc/passwd")]) }))
        .route("/circle", any(|| async { (StatusCode::FOUND, [(header::LOCATION, "circle")]) }))
        .route("/moved", any(|| async { (StatusCode::FOUND, [(header::LOCATION, "/echo")]) }))
        .route("/repeat", any(|| async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/echo")]) }))
        .route("/elsewhere", any(redirect_to_other_host))
        .route("/body/{name}", any(bodies::respond));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    TestServer { host: "shop.example".into(), addresses: vec![address] }
}

fn rendered(target: &TestServer, path: &str) -> domain::run::HttpRequest {
    domain::run::HttpRequest {
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

fn parse(rendered: domain::run::HttpRequest) -> Request {
    Request::parse(rendered, ("run-7/price", TraceContext::begin()), &Secrets::new()).unwrap()
}

async fn get_as(path: &str, response: Option<HttpResponse>) -> Result<Response, HttpError> {
    let target = serve().await;
    send_to(parse(domain::run::HttpRequest { response, ..rendered(&target, path) }), &target).await
}

/// A service continues the trace of the attempt, unless the step names another one.
#[tokio::test]
async fn a_service_continues_the_trace_of_the_attempt() {
    let target = serve().await;
    let span = TraceContext::begin();
    let traceparent = |own: &[&str]| {
        let headers = own.iter().map(|value| ("Traceparent".to_owned(), (*value).to_owned())).collect();
        let rendered = domain::run::HttpRequest { headers, ..rendered(&target, "/echo") };
        let request = Request::parse(rendered, ("run-7/price", span), &Secrets::new()).unwrap();
        let sent =
            request.headers.get_all("traceparent").iter().map(|value| value.to_str().unwrap().to_owned());
        sent.collect::<Vec<_>>()
    };
    assert_eq!(traceparent(&[]), [span.to_string()]);
    assert_eq!(traceparent(&["00-own"]), ["00-own"]);
}

/// A service receives what the step specifies, and the idempotency key by which it recognizes a repetition.
#[tokio::test]
async fn method_query_headers_body_and_idempotency_key_are_sent() {
    let target = serve().await;
    let request = parse(domain::run::HttpRequest {
        method: HttpMethod::Post,
        headers: [("X-Own".to_owned(), "1".to_owned())].into(),
        query: [("q".to_owned(), "a&b".to_owned())].into(),
        body: Some(HttpBody::Json(json!({"sku": "BR-101"}))),
        ..rendered(&target, "/echo")
    });
    let response = send_to(request, &target).await.unwrap();
    assert_eq!(
        response.body,
        json!({"method": "POST", "uri": "/echo?q=a%26b", "key": "run-7/price", "own": "1",
               "authorization": "", "secret": "", "type": "application/json", "body": "{\"sku\":\"BR-101\"}"})
    );
}

/// The body is read in the format that the step specifies, or else by its media type.
#[tokio::test]
async fn the_body_is_read_in_the_specified_format() {
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

/// A response that exceeds the limit is refused, so that it cannot exhaust the runner's memory.
#[tokio::test]
async fn a_response_beyond_the_limit_is_refused() {
    assert!(matches!(
        get_as("/large", Some(HttpResponse::Text)).await,
        Err(HttpError::TooLarge { limit: 1024 })
    ));
}

/// Forms and texts are sent with their media types.
#[tokio::test]
async fn forms_and_texts_are_sent_with_their_media_types() {
    let target = serve().await;
    for (body, sent) in [
        (
            HttpBody::Form([("a".to_owned(), json!("x y"))].into()),
            ("application/x-www-form-urlencoded", "a=x+y"),
        ),
        (HttpBody::Text(json!("grüße")), ("text/plain; charset=utf-8", "grüße")),
    ] {
        let request = domain::run::HttpRequest {
            method: HttpMethod::Post,
            body: Some(body),
            ..rendered(&target, "/echo")
        };
        let body = send_to(parse(request), &target).await.unwrap().body;
        assert_eq!((body["type"].as_str().unwrap(), body["body"].as_str().unwrap()), sent);
    }
}

/// A redirect to another host carries neither credentials nor headers with secrets.
#[tokio::test]
async fn a_redirect_to_another_host_carries_no_credentials() {
    let target = serve().await;
    let send = async |path: &str| {
        let request = domain::run::HttpRequest {
            method: HttpMethod::Post,
            headers: [("X-Key", "id s3cret-key"), ("X-Own", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: Some(HttpBody::Json(json!(1))),
            credentials: Some(HttpCredentials::Bearer("t0ken".into())),
            ..rendered(&target, path)
        };
        send_to(parse(request), &target).await.unwrap().body
    };
    let received = |body: &Value| {
        ["method", "body", "own", "authorization", "secret"]
            .map(|name| body[name].as_str().unwrap().to_owned())
    };
    assert_eq!(received(&send("/repeat").await), ["POST", "1", "1", "Bearer t0ken", "id s3cret-key"]);
    assert_eq!(received(&send("/moved").await), ["GET", "", "1", "Bearer t0ken", "id s3cret-key"]);
    assert_eq!(received(&send("/elsewhere").await), ["POST", "1", "1", "", ""]);
}

/// A token from a file ends with a line break, which is not sent. A token that cannot be sent is named by its secret.
#[tokio::test]
async fn one_line_break_at_the_end_of_credentials_is_not_sent() {
    let target = serve().await;
    let request = |credentials| domain::run::HttpRequest {
        credentials: Some(credentials),
        headers: [("X-Key".to_owned(), "s3cret-key\n".to_owned())].into(),
        ..rendered(&target, "/echo")
    };
    let bearer = HttpCredentials::Bearer("s3cret-key\r\n".into());
    let received = send_to(parse(request(bearer)), &target).await.unwrap().body;
    assert_eq!(
        (&received["authorization"], &received["secret"]),
        (&json!("Bearer s3cret-key"), &json!("s3cret-key"))
    );
    let basic = HttpCredentials::Basic { username: "anna\n".into(), password: "s3cret-key\n".into() };
    let received = send_to(parse(request(basic)), &target).await.unwrap().body;
    assert_eq!(received["authorization"], "Basic YW5uYTpzM2NyZXQta2V5");

    let secrets = [("erp".to_owned(), [("key".to_owned(), "s3cret\nkey\n".to_owned())].into())].into();
    let bearer = HttpCredentials::Bearer("s3cret\nkey\n".into());
    let Err(error) = Request::parse(request(bearer), ("run-7/price", TraceContext::begin()), &secrets) else {
        panic!("it was accepted")
    };
    let error = error.into_step_error();
    assert_eq!(error.code, "HTTP_REQUEST");
    assert!(
        error.message.contains("auth.bearer") && error.message.contains("secrets.erp.key"),
        "{}",
        error.message
    );
    assert!(!error.message.contains("s3cret"), "{}", error.message);
}

/// Redirect loops and redirects to other schemes than HTTP are refused.
#[tokio::test]
async fn redirect_loops_and_file_urls_are_refused() {
    assert!(matches!(get_as("/circle", None).await, Err(HttpError::Redirects { .. })));
    assert!(matches!(get_as("/file", None).await, Err(HttpError::Redirect { .. })));
}

/// Each hop of a redirect is checked against the egress rules, for example one to the cloud's metadata service.
#[tokio::test]
async fn every_hop_of_a_redirect_is_checked() {
    let target = serve().await;
    let answer = send_once(
        &parse(rendered(&target, "/metadata")),
        &super::address::Target { host: target.host.clone(), addresses: target.addresses.clone() },
    )
    .await
    .unwrap();
    let request = parse(rendered(&target, "/metadata"));
    let next = super::redirect::next(&request, &answer, &Redactor::default()).unwrap().unwrap();
    let sent = send(next, &Resolver::Egress(&Egress::default()), &Redactor::default()).await;
    assert!(matches!(sent, Err(HttpError::Denied { .. })));
}

/// The error for an unsuccessful response has the beginning of its body, and `Retry-After` is understood.
#[tokio::test]
async fn an_unsuccessful_response_gives_its_body_and_retry_delay() {
    let busy = get_as("/busy", Some(HttpResponse::Text)).await;
    assert!(matches!(busy, Err(HttpError::TooLarge { .. })));
    let target = serve().await;
    let request = domain::run::HttpRequest { max_response_bytes: 1 << 20, ..rendered(&target, "/busy") };
    let busy = send_to(parse(request), &target).await.unwrap();
    assert_eq!(busy.retry_after(jiff::Timestamp::UNIX_EPOCH), Some(Duration::from_secs(7)));
    let details = busy.into_step_error("GET /busy").details.unwrap();
    assert_eq!(details["status"], 429);
    assert_eq!(details["body"].as_str().unwrap(), format!("{}… (5000 bytes)", "x".repeat(1024)));

    let dated = |date: &str| Response {
        status: 503,
        headers: [("retry-after".to_owned(), date.to_owned())].into(),
        header_values: [].into(),
        body: Value::Null,
    };
    let now = "2026-11-24T10:00:00Z".parse().unwrap();
    assert_eq!(dated("Tue, 24 Nov 2026 10:01:30 GMT").retry_after(now), Some(Duration::from_secs(90)));
    assert_eq!(dated("Tue, 24 Nov 2026 09:00:00 GMT").retry_after(now), None);
    assert_eq!(dated("soon").retry_after(now), None);
}

/// Addresses that the plan does not permit are refused, by name as well as by address.
#[tokio::test]
async fn addresses_outside_the_egress_rules_are_refused() {
    let target = serve().await;
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let url = format!("http://{host}:{}/text", target.addresses[0].port());
        let request = domain::run::HttpRequest { url, ..rendered(&target, "/text") };
        assert!(
            matches!(
                send(parse(request), &Resolver::Egress(&Egress::default()), &Redactor::default()).await,
                Err(HttpError::Denied { .. })
            ),
            "{host}"
        );
    }
}
