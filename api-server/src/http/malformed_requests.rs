//! Malformed requests: each is answered with the error in it, and never with 500.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::testing::{Answer, FAILED_RUN, QUEUED_RUN, RUN, Server, WORKFLOW};

/// Returns all operations with a body, each with a valid one.
fn operations_with_body() -> [(&'static str, String, Value); 4] {
    let run = |id, action| format!("/v1/workflow-runs/{id}/{action}");
    [
        ("POST", format!("/v1/workflows/{WORKFLOW}/runs"), json!({"input": {"url": "https://acme.example"}})),
        ("POST", run(FAILED_RUN, "reruns"), json!({"from": "FAILED"})),
        ("POST", run(QUEUED_RUN, "decisions"), json!({"key": "write", "approved": true})),
        ("PUT", run(QUEUED_RUN, "cancellation"), json!({"mode": "NOW"})),
    ]
}

async fn send(server: &Server, method: &str, path: &str, body: &[u8]) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", server.issuer.token("acme", "admin")))
        .header("content-type", "application/json")
        .body(Body::from(body.to_vec()))
        .unwrap();
    server.send(request).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// Malformed and invalid bodies are refused with the matching code.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn malformed_bodies_are_refused_by_every_operation(pool: PgPool) {
    let server = Server::start(&pool).await;
    let malformed = (400, "malformed");
    let invalid = (422, "invalid");
    let deep = nested(10_000);
    let huge = format!("{{\"x\": \"{}\"}}", "x".repeat(1_100_000));
    for (method, path, valid) in operations_with_body() {
        let twice = valid.to_string();
        let trailing = format!("{valid} {{}}");
        let (name, value) = valid.as_object().unwrap().iter().next().unwrap();
        let twice = format!("{{\"{name}\": {value}, {}", &twice[1..]);
        let with_bom = [b"\xef\xbb\xbf".as_slice(), valid.to_string().as_bytes()].concat();
        for (body, expected) in [
            (b"".as_slice(), malformed),
            (b"{", malformed),
            (trailing.as_bytes(), malformed),
            (b"{\"\xff\": 1}", malformed),
            (&with_bom, malformed),
            (deep.as_bytes(), invalid),
            (format!("{{\"x\": {deep}}}").as_bytes(), invalid),
            (b"null", invalid),
            (b"[]", invalid),
            (b"[{\"url\": \"https://acme.example\"}, 1]", invalid),
            (b"\"{}\"", invalid),
            (b"7", invalid),
            (b"{\"surprise\": 1}", invalid),
            (twice.as_bytes(), invalid),
            (huge.as_bytes(), (413, "too_large")),
        ] {
            let answer = send(&server, method, &path, body).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(code(&answer), expected, "{method} {path} {start}: {}", answer.body);
            assert!(answer.body["detail"].is_string(), "{method} {path} {start}: {}", answer.body);
        }
    }
}

/// Malformed definitions of workflows and tenants are refused with the matching code, and nothing is written.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn malformed_definitions_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let before = server.kubernetes.workflow("invoice");
    let deep = nested(10_000);
    let huge = format!("{{\"description\": \"{}\"}}", "x".repeat(1_100_000));
    let patch = "application/merge-patch+json";
    let workflow = format!("/v1/workflows/{WORKFLOW}");
    for (method, path, media) in [
        ("POST", "/v1/workflows", "application/json"),
        ("PATCH", &workflow, patch),
        ("PATCH", "/v1/tenant", patch),
    ] {
        for (body, expected) in [
            ("", (400, "malformed")),
            ("{", (400, "malformed")),
            (&deep, (422, "invalid")),
            ("null", (422, "invalid")),
            ("[]", (422, "invalid")),
            ("{\"surprise\": 1}", (422, "invalid")),
            ("{\"name\": \"a\", \"name\": \"b\"}", (422, "invalid")),
            (&huge, (413, "too_large")),
        ] {
            let request = Request::builder().method(method).uri(path).header("content-type", media);
            let request = request.header("if-match", "*");
            let token = format!("Bearer {}", server.issuer.token("acme", "admin"));
            let request = request.header("authorization", token).body(Body::from(body.to_owned()));
            let answer = server.send(request.unwrap()).await;
            let start: String = body.chars().take(60).collect();
            assert_eq!(code(&answer), expected, "{method} {path} {start}: {}", answer.body);
        }
    }
    let deep = format!(
        "{{\"name\": \"a\", \"steps\": [{{\"name\": \"one\", \"expr\": {{\"value\": {}}}}}]}}",
        nested(70)
    );
    let answer = send(&server, "POST", "/v1/workflows", deep.as_bytes()).await;
    assert_eq!(code(&answer), (422, "workflow_invalid"), "{}", answer.body);
    assert_eq!(server.kubernetes.workflow("invoice"), before);
}

/// Values of another type are neither converted nor wrapped around.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn fields_with_wrong_types_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let [start, rerun, decide, cancel] = operations_with_body();
    for ((method, path, _), body) in [
        (&start, json!({"priority": 4_294_967_296_i64})),
        (&start, json!({"priority": 0.5})),
        (&start, json!({"priority": "1"})),
        (&rerun, json!({"from": 7})),
        (&rerun, json!({"from": "broken"})),
        (&rerun, json!({"from": [null]})),
        (&rerun, json!({"from": ["\u{0}"]})),
        (&decide, json!({"key": "write"})),
        (&decide, json!({"approved": true})),
        (&decide, json!({"key": "write", "approved": "yes"})),
        (&decide, json!({"key": null, "approved": true})),
        (&cancel, json!({})),
    ] {
        let answer = send(&server, method, path, body.to_string().as_bytes()).await;
        assert_eq!(code(&answer), (422, "invalid"), "{path} {body}: {}", answer.body);
    }
}

/// Every accepted input can be read back unchanged.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn inputs_are_stored_unchanged_or_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let [(method, path, _), ..] = operations_with_body();
    let input = |rest: &str| format!("{{\"input\": {{\"url\": \"https://acme.example\", \"x\": {rest}}}}}");
    for text in
        [r#""\u0000""#, r#""\ud83e\udd50""#, r#""""#, "9223372036854775807", "-0.0", "1e18", &nested(60)]
    {
        let answer = send(&server, method, &path, input(text).as_bytes()).await;
        assert_eq!(answer.status, 202, "{text}: {}", answer.body);
        assert_eq!(answer.body["input"]["x"], serde_json::from_str::<Value>(text).unwrap(), "{text}");
    }
    for text in ["NaN", "1e999", "\"\\ud800\"", "\"\u{0}\"", "01", "[1,]"] {
        let answer = send(&server, method, &path, input(text).as_bytes()).await;
        assert_eq!(code(&answer), (400, "malformed"), "{text}: {}", answer.body);
    }
    for text in ["9223372036854775808", "1e308"] {
        let answer = send(&server, method, &path, input(text).as_bytes()).await;
        assert_eq!(code(&answer), (422, "invalid_input"), "{text}: {}", answer.body);
    }
    for text in [nested(64), nested(100), nested(122)] {
        let answer = send(&server, method, &path, input(&text).as_bytes()).await;
        assert_eq!(code(&answer), (422, "invalid_input"), "{}: {}", text.len() / 2, answer.body);
        let decision = format!("{{\"key\": \"write\", \"approved\": true, \"input\": {{\"x\": {text}}}}}");
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval"}));
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/decisions");
        let answer = send(&server, "POST", &path, decision.as_bytes()).await;
        assert_eq!(code(&answer), (422, "invalid_input"), "{}: {}", text.len() / 2, answer.body);
    }
}

/// Invalid parameters are refused, neither ignored nor answered with 500.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn invalid_parameters_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let lists =
        ["workflows", "workflow-runs", "plans", &format!("workflows/{WORKFLOW}/runs")].map(str::to_owned);
    for list in lists {
        for (query, expected) in [
            ("limit=", "invalid_parameter"),
            ("limit=-1", "invalid_parameter"),
            ("limit=99999999999999999999", "invalid_parameter"),
            ("limit=1&limit=2", "invalid_parameter"),
            ("sort=", "invalid_parameter"),
            ("cursor=", "invalid_cursor"),
            ("cursor=%00", "invalid_cursor"),
            ("cursor=%ff%fe", "invalid_cursor"),
            ("%00=1", "unknown_parameter"),
            ("LIMIT=1", "unknown_parameter"),
        ] {
            let answer = server.get("acme", "admin", &format!("/v1/{list}?{query}")).await;
            assert_eq!(code(&answer), (400, expected), "{list}?{query}: {}", answer.body);
        }
    }
    for query in [
        "status=",
        "status=%00",
        "createdAfter=now",
        "createdAfter=2026-11-24",
        "status=FAILED&status=FAILED",
    ] {
        let answer = server.get("acme", "admin", &format!("/v1/workflow-runs?{query}")).await;
        assert_eq!(code(&answer), (400, "invalid_parameter"), "{query}: {}", answer.body);
    }
    for (time, runs) in
        [("-009999-06-01T00:00:00Z", 3), ("9999-12-30T00:00:00Z", 0), ("0000-01-01T00:00:00Z", 3)]
    {
        let answer = server.get("acme", "admin", &format!("/v1/workflow-runs?createdAfter={time}")).await;
        assert_eq!(answer.body["data"].as_array().map(Vec::len), Some(runs), "{time}: {}", answer.body);
    }
}

/// IDs of other tenants and malformed IDs are answered like IDs that do not exist.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn ids_of_other_tenants_and_malformed_ids_are_not_found(pool: PgPool) {
    let server = Server::start(&pool).await;
    let missing = server.get("acme", "admin", "/v1/workflow-runs/00000000-0000-0000-0000-000000000000").await;
    for id in [RUN, "%00", "..%2F..%2Fme", "1", &"f".repeat(4_000)] {
        for what in ["", "/steps", "/logs", "/output", "/steps/fetch/output"] {
            let answer = server.get("globex", "owner", &format!("/v1/workflow-runs/{id}{what}")).await;
            assert_eq!(answer.without_request(), missing.without_request(), "{id}{what}");
        }
    }
    for (method, path, body) in operations_with_body() {
        let token = server.issuer.token("globex", "owner");
        let request =
            Request::builder().method(method).uri(&path).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        assert_eq!(code(&server.send(request.unwrap()).await), (404, "not_found"), "{method} {path}");
    }
    for name in ["%00", "%ff", "a%2Fb"] {
        let path = format!("/v1/workflow-runs/{RUN}/steps/{name}/output");
        assert_eq!(server.get("acme", "admin", &path).await.status, 404, "{name}");
    }
}

/// Malformed keys and cursors are refused.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn malformed_keys_and_cursors_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    for key in ["", &"k".repeat(256), "\u{e9}"] {
        let answer = server.post_with_key("acme", "admin", &path, &json!({}), key).await;
        assert_eq!(code(&answer), (400, "invalid_parameter"), "{key}: {}", answer.body);
    }
    let logs = format!("/v1/workflow-runs/{RUN}/logs");
    for (query, expected) in [
        ("cursor=0-0", "invalid_cursor"),
        ("cursor=-1--1", "invalid_cursor"),
        ("cursor=9223372036854775808-0", "invalid_cursor"),
        ("item=-1", "invalid_parameter"),
        ("attempt=4294967296", "invalid_parameter"),
        ("stream=console", "invalid_parameter"),
        ("limit=0", "invalid_parameter"),
        ("limit=1001", "invalid_parameter"),
        ("steps=a", "unknown_parameter"),
    ] {
        let answer = server.get("acme", "admin", &format!("{logs}?{query}")).await;
        assert_eq!(code(&answer), (400, expected), "{query}: {}", answer.body);
    }
    for query in ["cursor=9223372036854775807-18446744073709551615", "step=%00", "item=4294967295"] {
        let answer = server.get("acme", "admin", &format!("{logs}?{query}")).await;
        assert_eq!((answer.status, &answer.body["data"]), (200, &json!([])), "{query}: {}", answer.body);
    }
}

/// Malformed GraphQL requests are never answered with a server error.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn malformed_graphql_requests_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let deep = nested(10_000);
    for body in [
        String::new(),
        "null".to_owned(),
        "7".to_owned(),
        deep.clone(),
        format!("{{\"query\": \"{{viewer{{id}}}}\", \"variables\": {{\"x\": {deep}}}}}"),
        "{\"query\": 7}".to_owned(),
        "{\"query\": \"{viewer{id}}\", \"variables\": []}".to_owned(),
        "{\"query\": \"\\ud800\"}".to_owned(),
    ] {
        let answer = send(&server, "POST", "/graphql", body.as_bytes()).await;
        let start: String = body.chars().take(60).collect();
        assert_eq!(answer.status, 400, "{start}: {}", answer.body);
    }
    let start = format!(
        "mutation($i: JSON) {{ startWorkflowRun(input: {{workflowId: \"{}\", input: $i}}) {{ userErrors {{ code }} }} }}",
        "V29ya2Zsb3c6AAAA"
    );
    for (query, variables) in [
        ("{ workflowRuns(first: 0) { edges { cursor } } }", json!({})),
        ("{ workflowRuns(first: 2147483648) { edges { cursor } } }", json!({})),
        ("{ workflowRuns(first: 1, after: \"\") { edges { cursor } } }", json!({})),
        ("{ workflowRuns(first: 1, after: \"\\u0000\") { edges { cursor } } }", json!({})),
        ("query($id: ID!) { node(id: $id) { id } }", json!({"id": "\u{0}"})),
        ("query($id: ID!) { node(id: $id) { id } }", json!({"id": 7})),
        (&start, json!({"i": {"x": serde_json::from_str::<Value>(&nested(100)).unwrap()}})),
    ] {
        let answer = server.graphql("admin", query, variables).await;
        let text = answer.body.to_string();
        assert!(answer.status < 500 && !text.contains("\"internal\""), "{query}: {} {text}", answer.status);
    }
}
