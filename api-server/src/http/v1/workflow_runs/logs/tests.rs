//! Tests of the log endpoint.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use protocol::internal::{LogBatch, LogLine, LogStream, logs_path};
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt as _;

use crate::http::testing::{ASSIGNEE, BOB, QUEUED_RUN, Server};

fn log_line(seq: u64, step: &str, stream: LogStream) -> LogLine {
    LogLine {
        seq,
        time: "2026-11-26T08:00:00Z".to_owned(),
        step: step.to_owned(),
        item: (step == "each").then_some(2),
        attempt: 1,
        stream,
        line: format!("line {seq}"),
        partial: false,
    }
}

async fn write(server: &Server, lines: Vec<LogLine>) {
    let body = serde_json::to_vec(&LogBatch { pod: "assignee".to_owned(), lines }).unwrap();
    let request = Request::post(logs_path(QUEUED_RUN)).header("content-type", "application/json");
    assert_eq!(server.internal(ASSIGNEE, request, body).await.status, 204);
}

async fn write_five_lines(server: &Server) {
    write(server, vec![log_line(0, "write", LogStream::Stdout), log_line(1, "write", LogStream::Stderr)])
        .await;
    write(server, vec![log_line(2, "each", LogStream::Stdout), log_line(3, "write", LogStream::Stdout)])
        .await;
    write(server, vec![log_line(4, "write", LogStream::System)]).await;
}

async fn read(server: &Server, query: &str) -> Value {
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs?{query}");
    let answer = server.get("acme", "viewer", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn texts(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|line| line["line"].as_str().unwrap()).collect()
}

/// Filters return exactly the matching lines.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn lines_are_filtered(pool: PgPool) {
    let server = Server::start(&pool).await;
    write_five_lines(&server).await;
    for (query, expected) in [
        ("", vec!["line 0", "line 1", "line 2", "line 3", "line 4"]),
        ("step=each", vec!["line 2"]),
        ("item=2", vec!["line 2"]),
        ("stream=STDERR", vec!["line 1"]),
        ("step=write&stream=STDOUT", vec!["line 0", "line 3"]),
        ("attempt=2", vec![]),
    ] {
        assert_eq!(texts(&read(&server, query).await), expected, "{query}");
    }
    let first = read(&server, "limit=1").await["data"][0].clone();
    assert_eq!(
        first,
        json!({"cursor": "1-1", "time": "2026-11-26T08:00:00Z", "step": "write", "item": null, "attempt": 1,
               "stream": "STDOUT", "line": "line 0", "partial": false, "pod": "assignee"})
    );
}

/// Filters that can match no line are refused.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn impossible_filters_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    for query in ["attempt=0", "attempt=-1", "attempt=4294967296", "item=-1", "limit=0", "limit=1001"] {
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs?{query}");
        let answer = server.get("acme", "viewer", &path).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (400, Some("invalid_parameter")),
            "{query}"
        );
    }
}

/// Paging through a growing log returns every line exactly once.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn pages_contain_every_line_once_while_the_log_grows(pool: PgPool) {
    let server = Server::start(&pool).await;
    write_five_lines(&server).await;
    let (mut lines, mut cursor) = (Vec::new(), "1-0".to_owned());
    for _ in 0..5 {
        let page = read(&server, &format!("limit=2&cursor={cursor}")).await;
        lines.extend(texts(&page).into_iter().map(str::to_owned));
        cursor = page["page"]["nextCursor"].as_str().unwrap().to_owned();
    }
    assert_eq!(lines, ["line 0", "line 1", "line 2", "line 3", "line 4"]);
    write(&server, vec![log_line(5, "write", LogStream::Stdout)]).await;
    let page = read(&server, &format!("cursor={cursor}")).await;
    assert_eq!((texts(&page), page["page"]["hasMore"].as_bool()), (vec!["line 5"], Some(false)));
    server.finish_queued_run().await;
    assert_eq!(read(&server, "").await["page"]["nextCursor"], Value::Null);
    let wrong = server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}/logs?cursor=x")).await;
    assert_eq!((wrong.status, wrong.body["code"].as_str()), (400, Some("invalid_cursor")));
}

/// Lines with control characters are stored unchanged.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_line_may_contain_any_character(pool: PgPool) {
    let server = Server::start(&pool).await;
    let strange =
        LogLine { line: "a\u{0}b\u{1b}[31m\u{fffd}".to_owned(), ..log_line(0, "write", LogStream::Stdout) };
    write(&server, vec![strange.clone(), log_line(1, "write", LogStream::Stdout)]).await;
    assert_eq!(texts(&read(&server, "").await), [strange.line.as_str(), "line 1"]);
}

/// Logs of other tenants are not visible, and reading a log requires the permission.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_log_of_another_tenant_is_not_found(pool: PgPool) {
    let server = Server::start(&pool).await;
    write_five_lines(&server).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs");
    assert_eq!(server.get("globex", "owner", &path).await.status, 404);
    assert_eq!(server.get("acme", "billing", &path).await.status, 403);
}

async fn next(body: &mut Body) -> String {
    let frame = tokio::time::timeout(std::time::Duration::from_secs(20), body.frame()).await;
    let frame = frame.expect("an event arrives within the deadline").expect("the stream has ended").unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

/// A stream delivers existing and new lines at once, ends after the run, and resumes after a lost connection.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_stream_delivers_existing_lines_new_lines_and_the_end(pool: PgPool) {
    let server = Server::start(&pool).await;
    write(&server, vec![log_line(0, "write", LogStream::Stdout)]).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs");
    let request = Request::get(&path).header("accept", "text/event-stream");
    let mut stream = server.open("acme", "viewer", request).await.into_body();
    let first = next(&mut stream).await;
    assert!(first.contains("event: log") && first.contains("id: 1-1") && first.contains("line 0"), "{first}");
    write(&server, vec![log_line(1, "write", LogStream::Stdout)]).await;
    assert!(next(&mut stream).await.contains("line 1"));
    server.finish_queued_run().await;
    write(&server, vec![log_line(2, "write", LogStream::Stdout)]).await;
    assert!(next(&mut stream).await.contains("line 2"), "the last lines arrive after the end of the run");
    let end = next(&mut stream).await;
    assert!(end.contains("event: end") && end.contains("SUCCEEDED"), "{end}");
    assert!(stream.frame().await.is_none(), "the stream continues after its end");

    let request = Request::get(&path).header("accept", "text/event-stream").header("last-event-id", "2-1");
    let mut resumed = server.open("acme", "viewer", request).await.into_body();
    assert!(next(&mut resumed).await.contains("line 2"));
}

/// The stream of a user who is deactivated ends, also while lines arrive; those of others go on.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_stream_of_a_deactivated_user_ends(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    write(&server, vec![log_line(0, "write", LogStream::Stdout)]).await;
    let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs");
    let open = async |token: &str| {
        let request = Request::get(&path).header("accept", "text/event-stream");
        let request = request.header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
        server.router().oneshot(request).await.unwrap().into_body()
    };
    let mut of_bob = open(&server.issuer.sign(&server.issuer.claims(&json!({"sub": "bob"})))).await;
    let mut of_other = open(&server.issuer.token("acme", "viewer")).await;
    assert!(next(&mut of_bob).await.contains("line 0") && next(&mut of_other).await.contains("line 0"));
    let deactivate = "update users set status = 'DEACTIVATED' where id = $1::uuid";
    sqlx::query(deactivate).bind(BOB).execute(&pool).await.unwrap();
    let mut number = 1;
    loop {
        write(&server, vec![log_line(number, "write", LogStream::Stdout)]).await;
        assert!(next(&mut of_other).await.contains(&format!("line {number}")));
        let frame = tokio::time::timeout(std::time::Duration::from_secs(20), of_bob.frame()).await;
        let Some(frame) = frame.expect("the stream goes on or ends within the deadline") else { break };
        assert!(frame.unwrap().into_data().unwrap().starts_with(b"event: log"));
        number += 1;
        assert!(number < 1_000, "the stream of a deactivated user goes on");
    }
}
