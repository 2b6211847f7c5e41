//! Tests of the internal API.

use axum::http::Request;
use protocol::internal::{LogBatch, LogLine, LogStream, logs_path, output_path, outputs_path};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::http::{
    ClientAddress,
    testing::{ACME, ASSIGNEE, Answer, FOREIGN, IDLE, QUEUED_RUN, RUN, Server},
};

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

/// A repeated upload stores one output, which can be read back.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_output_is_stored_once_and_read_back(pool: PgPool) {
    let server = Server::start(&pool).await;
    let bytes = vec![b'x'; 300_000];
    let first = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&bytes), &bytes).await;
    let again = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&bytes), &bytes).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body, again.body);
    assert_eq!(
        (first.body["bytes"].as_u64(), first.body["mediaType"].as_str()),
        (Some(300_000), Some("text/csv"))
    );
    let read = get(&server, ASSIGNEE, QUEUED_RUN, first.body["uri"].as_str().unwrap()).await;
    assert_eq!((read.status, read.bytes == bytes), (200, true));
}

/// The outputs of a tenant are at most as large as its plan allows; the refusal says how large they are and what to do.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_plan_limits_the_outputs_of_a_tenant(pool: PgPool) {
    let server = Server::start(&pool).await;
    let limit = "update plans set limits = '{\"storageBytes\": \"300Ki\"}'";
    sqlx::query(limit).execute(&pool).await.unwrap();
    let (first, second) = (vec![b'x'; 200_000], vec![b'y'; 200_000]);
    assert_eq!(put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&first), &first).await.status, 201);
    let refused = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&second), &second).await;
    assert_eq!(code(&refused), (413, "too_large"));
    let detail = refused.body["detail"].as_str().unwrap();
    for part in ["storageBytes", "200000", "307200"] {
        assert!(detail.contains(part), "{detail}");
    }
    let again = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&first), &first).await;
    assert_eq!(again.status, 200, "a known output needs no more room");
}

/// Uploads at the same time cannot exceed the limit together: exactly those that fit are stored.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn uploads_at_the_same_time_do_not_exceed_the_limit(pool: PgPool) {
    let server = Server::start(&pool).await;
    let limit = "update plans set limits = '{\"storageBytes\": \"500Ki\"}'";
    sqlx::query(limit).execute(&pool).await.unwrap();
    let outputs: Vec<_> = (0..6_u8).map(|byte| vec![byte; 200_000]).collect();
    let uploads = outputs
        .iter()
        .map(async |bytes| put(&server, ASSIGNEE, QUEUED_RUN, &sha256(bytes), bytes).await.status);
    let mut statuses = futures::future::join_all(uploads).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 413, 413, 413, 413]);
    let counted: i64 = sqlx::query_scalar("select outputs from stored_bytes").fetch_one(&pool).await.unwrap();
    assert_eq!(counted, 400_000);
    sqlx::query("delete from stored_outputs").execute(&pool).await.unwrap();
    let counted: i64 = sqlx::query_scalar("select outputs from stored_bytes").fetch_one(&pool).await.unwrap();
    assert_eq!(counted, 0);
}

/// A tenant whose pods send many requests waits for itself, and requests of other tenants are served.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_tenant_has_a_part_of_the_requests_of_runners(pool: PgPool) {
    let server = Server::start(&pool).await;
    let acme = ACME.parse().unwrap();
    let held: Vec<_> =
        std::iter::from_fn(|| server.limits().runner_requests.try_acquire(&acme).ok()).collect();
    assert_eq!(held.len(), 32);
    let digest = sha256(b"x");
    let mut waiting = std::pin::pin!(log(&server, ASSIGNEE, QUEUED_RUN, batch("assignee", 0..1)));
    let neighbour = tokio::select! {
        answer = &mut waiting => panic!("answered without a permit: {answer:?}"),
        answer = put(&server, FOREIGN, RUN, &digest, b"x") => answer,
    };
    assert_eq!(neighbour.status, 201);
    drop(held);
    assert_eq!(waiting.await.status, 204);
}

/// Uploads count towards the memory of their tenant: those of another tenant are stored meanwhile.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn uploads_of_a_tenant_wait_for_its_memory(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (acme, bytes) = (ACME.parse().unwrap(), vec![0; 1 << 20]);
    let memory = &server.limits().memory;
    let held = memory.reserve(&acme, memory.per_tenant(), std::time::Duration::ZERO).await.unwrap();
    let digest = sha256(&bytes);
    let mut waiting = std::pin::pin!(put(&server, ASSIGNEE, QUEUED_RUN, &digest, &bytes));
    let neighbour = tokio::select! {
        answer = &mut waiting => panic!("answered without memory: {answer:?}"),
        answer = put(&server, FOREIGN, RUN, &digest, &bytes) => answer,
    };
    assert_eq!(neighbour.status, 201);
    drop(held);
    assert_eq!(waiting.await.status, 201);
}

/// Outputs of other tenants and files outside the storage cannot be read.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_output_of_another_tenant_is_not_found(pool: PgPool) {
    let server = Server::start(&pool).await;
    let stored = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(b"secret"), b"secret").await;
    let uri = stored.body["uri"].as_str().unwrap();
    assert_eq!(code(&get(&server, FOREIGN, RUN, uri).await), (404, "not_found"));
    assert_eq!(code(&get(&server, ASSIGNEE, QUEUED_RUN, "file:///etc/passwd").await), (404, "not_found"));
}

/// Only the pod to which a run is assigned can store its outputs.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_the_assigned_pod_may_store_outputs(pool: PgPool) {
    let server = Server::start(&pool).await;
    let digest = sha256(b"x");
    assert_eq!(code(&put(&server, ASSIGNEE, QUEUED_RUN, &digest, b"x").await), (201, ""));
    assert_eq!(code(&put(&server, IDLE, QUEUED_RUN, &digest, b"x").await), (403, "not_the_holder"));
    assert_eq!(code(&put(&server, ASSIGNEE, RUN, &digest, b"x").await), (403, "not_the_holder"));
    assert_eq!(code(&put(&server, "forged", QUEUED_RUN, &digest, b"x").await), (401, "invalid_token"));
    let user = server.issuer.token("acme", "owner");
    assert_eq!(code(&put(&server, &user, QUEUED_RUN, &digest, b"x").await), (401, "invalid_token"));
}

/// Outputs with a wrong digest or above the size limit are refused.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn wrong_and_oversized_outputs_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let wrong = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(b"x"), b"y").await;
    assert_eq!(code(&wrong), (422, "digest_mismatch"));
    let oversized = vec![0; crds::constants::MAX_STORED_OUTPUT_BYTES + 1];
    let answer = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(&oversized), &oversized).await;
    assert_eq!(code(&answer), (413, "too_large"));
}

/// Without object storage, the error says so.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn missing_object_storage_is_reported(pool: PgPool) {
    let server = Server::start(&pool).await.without_objects();
    let answer = put(&server, ASSIGNEE, QUEUED_RUN, &sha256(b"x"), b"x").await;
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

/// Repeated and differently split batches neither duplicate nor lose lines.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn repeated_batches_store_every_line_once(pool: PgPool) {
    let server = Server::start(&pool).await;
    for numbers in [0..3, 0..3, 1..5, 5..6] {
        assert_eq!(log(&server, ASSIGNEE, QUEUED_RUN, batch("assignee", numbers)).await.status, 204);
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

/// A pod can only append lines of its own to the log of its own run.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_the_assigned_pod_appends_to_a_log_in_its_own_name(pool: PgPool) {
    let server = Server::start(&pool).await;
    let refused = log(&server, IDLE, QUEUED_RUN, batch("idle", 0..1)).await;
    assert_eq!(code(&refused), (403, "not_the_holder"));
    let refused = log(&server, ASSIGNEE, QUEUED_RUN, batch("idle", 0..1)).await;
    assert_eq!(code(&refused), (403, "not_the_holder"));
}

/// A pod that sends invalid tokens causes few reviews in Kubernetes, and the runners of other pods are served.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn invalid_tokens_cause_few_reviews(pool: PgPool) {
    let server = Server::start(&pool).await;
    let send = async |token: &str, address: [u8; 4]| {
        let request = Request::get(outputs_path(QUEUED_RUN)).extension(ClientAddress(address.into()));
        server.internal(token, request, Vec::new()).await
    };
    for _ in 0..200 {
        assert_eq!(send("invalid", [10, 244, 0, 7]).await.status, 401);
    }
    assert_eq!(server.kubernetes.reviews(), 1, "the refusal is cached");
    let mut refused = 0;
    for number in 0..200 {
        let answer = send(&format!("invalid-{number}"), [10, 244, 0, 7]).await;
        refused += usize::from(answer.body["code"] == "rate_limited");
    }
    assert!(refused >= 75, "{refused}");
    let neighbour = send(ASSIGNEE, [10, 244, 0, 8]).await;
    assert_eq!(neighbour.body["code"], "invalid_parameter", "accepted, and asked for the missing uri");
    assert_eq!(send(ASSIGNEE, [10, 244, 0, 7]).await.body["code"], "invalid_parameter", "a known token");
}
