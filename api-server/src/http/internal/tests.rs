//! What runners are answered.

use axum::http::Request;
use protocol::internal::{LogBatch, LogLine, LogStream, logs_path, output_path, outputs_path};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::http::testing::{Answer, HOLDER, IDLE, QUEUED_RUN, RUN, STRANGER, Server};

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn put(server: &Server, token: &str, run: &str, digest: &str, bytes: &[u8]) -> Answer {
    let request = Request::put(output_path(run, digest)).header("content-type", "text/csv");
    server.internal(token, request, bytes.to_vec()).await
}

async fn get(server: &Server, token: &str, run: &str, uri: &str) -> Answer {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("uri", uri).finish();
    server.internal(token, Request::get(format!("{}?{query}", outputs_path(run))), Vec::new()).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

/// A large output is lost, or a repeated upload makes another one.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_output_is_stored_once_and_read_back(pool: PgPool) {
    let server = Server::start(&pool).await;
    let bytes = vec![b'x'; 300_000];
    let first = put(&server, HOLDER, QUEUED_RUN, &sha256(&bytes), &bytes).await;
    let again = put(&server, HOLDER, QUEUED_RUN, &sha256(&bytes), &bytes).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body, again.body);
    assert_eq!(
        (first.body["bytes"].as_u64(), first.body["mediaType"].as_str()),
        (Some(300_000), Some("text/csv"))
    );
    let read = get(&server, HOLDER, QUEUED_RUN, first.body["uri"].as_str().unwrap()).await;
    assert_eq!((read.status, read.bytes == bytes), (200, true));
}

/// One business reads the outputs of another by guessing where they are.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_output_of_another_tenant_is_not_there(pool: PgPool) {
    let server = Server::start(&pool).await;
    let stored = put(&server, HOLDER, QUEUED_RUN, &sha256(b"secret"), b"secret").await;
    let uri = stored.body["uri"].as_str().unwrap();
    assert_eq!(code(&get(&server, STRANGER, RUN, uri).await), (404, "not_found"));
    assert_eq!(code(&get(&server, HOLDER, QUEUED_RUN, "file:///etc/passwd").await), (404, "not_found"));
}

/// A pod that lost its run, or any other, writes over what the new one has done.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_the_pod_that_holds_a_run_is_let_in(pool: PgPool) {
    let server = Server::start(&pool).await;
    let digest = sha256(b"x");
    assert_eq!(code(&put(&server, HOLDER, QUEUED_RUN, &digest, b"x").await), (201, ""));
    assert_eq!(code(&put(&server, IDLE, QUEUED_RUN, &digest, b"x").await), (403, "not_the_holder"));
    assert_eq!(code(&put(&server, HOLDER, RUN, &digest, b"x").await), (403, "not_the_holder"));
    assert_eq!(code(&put(&server, "forged", QUEUED_RUN, &digest, b"x").await), (401, "invalid_token"));
    let user = server.issuer.token("acme", "owner");
    assert_eq!(code(&put(&server, &user, QUEUED_RUN, &digest, b"x").await), (401, "invalid_token"));
}

/// An output is kept that differs from what the run has computed, or fills the memory.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn wrong_and_giant_bytes_are_refused_with_their_figures(pool: PgPool) {
    let server = Server::start(&pool).await;
    let wrong = put(&server, HOLDER, QUEUED_RUN, &sha256(b"x"), b"y").await;
    assert_eq!(code(&wrong), (422, "digest_mismatch"));
    let giant = vec![0; crds::constants::MAX_STORED_OUTPUT_BYTES + 1];
    let answer = put(&server, HOLDER, QUEUED_RUN, &sha256(&giant), &giant).await;
    assert_eq!(code(&answer), (413, "too_large"));
}

/// Nobody can tell that object storage is missing: the run fails with a puzzle.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn without_object_storage_that_is_said(pool: PgPool) {
    let server = Server::start(&pool).await.without_objects();
    let answer = put(&server, HOLDER, QUEUED_RUN, &sha256(b"x"), b"x").await;
    assert_eq!(code(&answer), (501, "no_object_storage"));
}

fn batch(pod: &str, numbers: std::ops::Range<u64>) -> Vec<u8> {
    let line = |seq| LogLine {
        seq,
        time: "2026-11-26T08:00:00Z".to_owned(),
        step: "write".to_owned(),
        item: None,
        attempt: 1,
        stream: LogStream::Stdout,
        line: format!("line {seq}"),
        partial: false,
    };
    serde_json::to_vec(&LogBatch { pod: pod.to_owned(), lines: numbers.map(line).collect() }).unwrap()
}

async fn log(server: &Server, token: &str, run: &str, body: Vec<u8>) -> Answer {
    let request = Request::post(logs_path(run)).header("content-type", "application/json");
    server.internal(token, request, body).await
}

/// Lines are doubled when a batch is sent again, or lost when it was cut differently.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn lines_are_kept_once_however_they_come(pool: PgPool) {
    let server = Server::start(&pool).await;
    for numbers in [0..3, 0..3, 1..5, 5..6] {
        assert_eq!(log(&server, HOLDER, QUEUED_RUN, batch("holder", numbers)).await.status, 204);
    }
    let chunks: Vec<Value> =
        sqlx::query_scalar("select lines from run_log_chunks order by chunk").fetch_all(&pool).await.unwrap();
    let lines: Vec<_> = chunks
        .iter()
        .flat_map(|chunk| chunk["lines"].as_array().unwrap())
        .map(|line| line["seq"].clone())
        .collect();
    assert_eq!(json!(lines), json!([0, 1, 2, 3, 4, 5]));
}

/// A pod writes into the log of a run that it never had, or in the name of another pod.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_the_holder_writes_a_log_and_in_its_own_name(pool: PgPool) {
    let server = Server::start(&pool).await;
    let refused = log(&server, IDLE, QUEUED_RUN, batch("idle", 0..1)).await;
    assert_eq!(code(&refused), (403, "not_the_holder"));
    let refused = log(&server, HOLDER, QUEUED_RUN, batch("idle", 0..1)).await;
    assert_eq!(code(&refused), (403, "not_the_holder"));
}
