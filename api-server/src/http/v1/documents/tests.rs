//! Tests of documents over HTTP.

use axum::{
    body::{Body, Bytes},
    http::Request,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::stream;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::http::testing::{Answer, Server};

const TEXT: &[u8] = b"Employees have 28 days of holiday.";

async fn create(server: &Server, tenant: &str, body: &Value) -> Answer {
    server.post(tenant, "member", "/v1/documents", body).await
}

async fn created(server: &Server, tenant: &str, tags: &[&str]) -> String {
    let answer = create(server, tenant, &json!({"fileName": "handbook.txt", "tags": tags})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

async fn put(server: &Server, role: &str, id: &str, headers: &[(&str, &str)], body: Body) -> Answer {
    let token = server.issuer.token("acme", role);
    let mut request = Request::put(format!("/v1/documents/{id}/content"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body).unwrap()).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

async fn usage(pool: &PgPool) -> (i64, i64) {
    let usage =
        "select coalesce(sum(documents), 0)::bigint, coalesce(sum(bytes), 0)::bigint from document_usage";
    sqlx::query_as(usage).fetch_one(pool).await.unwrap()
}

/// A content is returned as it was uploaded, with headers that keep a browser from displaying it, and is sent once.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_content_is_downloaded_as_it_was_uploaded(pool: PgPool) {
    let server = Server::start(&pool).await;
    let id = created(&server, "acme", &[]).await;
    let path = format!("/v1/documents/{id}/content");
    assert_eq!(server.get("acme", "viewer", &path).await.status, 404, "there is no content yet");
    let digest = hex::encode(Sha256::digest(TEXT));
    let stored = put(&server, "member", &id, &[("content-sha256", &digest)], TEXT.into()).await;
    assert_eq!((stored.status, &stored.body["contentSha256"]), (200, &json!(digest)), "{}", stored.body);
    assert_eq!((&stored.body["status"], &stored.body["sizeBytes"]), (&json!("PENDING"), &json!(34)));
    let content = server.get("acme", "viewer", &path).await;
    assert_eq!((content.status, content.bytes.as_slice()), (200, TEXT));
    assert_eq!(content.headers["x-content-type-options"], "nosniff");
    assert_eq!(content.headers["content-disposition"], "attachment; filename*=UTF-8''handbook.txt");
    let tag = content.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(server.get_with("acme", "viewer", &path, "if-none-match", &tag).await.status, 304);
    assert_eq!(server.get("globex", "owner", &path).await.status, 404);
    assert_eq!(server.get("globex", "owner", &format!("/v1/documents/{id}")).await.status, 404);
}

/// An upload that is empty, too large, incomplete or not what was announced stores nothing, and the next one succeeds.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_failed_upload_changes_nothing(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.set_plan_limits(json!({"documentBytes": "100", "storageBytes": "150"})).await;
    let id = created(&server, "acme", &[]).await;
    let wrong = "0".repeat(64);
    let broken = || {
        let pieces = [Ok(Bytes::from_static(TEXT)), Err(std::io::Error::other("closed"))];
        Body::from_stream(stream::iter(pieces))
    };
    let unannounced = || {
        let pieces = (0..4).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(TEXT)));
        Body::from_stream(stream::iter(pieces))
    };
    let refused = [
        (put(&server, "member", &id, &[], Body::empty()).await, (422, "invalid")),
        (put(&server, "member", &id, &[], vec![b'x'; 101].into()).await, (413, "too_large")),
        (put(&server, "member", &id, &[], unannounced()).await, (413, "too_large")),
        (put(&server, "member", &id, &[], broken()).await, (400, "malformed")),
        (
            put(&server, "member", &id, &[("content-sha256", &wrong)], TEXT.into()).await,
            (422, "digest_mismatch"),
        ),
        (
            put(&server, "member", &id, &[("content-sha256", "x")], TEXT.into()).await,
            (400, "invalid_parameter"),
        ),
        (put(&server, "viewer", &id, &[], TEXT.into()).await, (403, "forbidden")),
    ];
    for (answer, expected) in &refused {
        assert_eq!(code(answer), *expected, "{}", answer.body);
    }
    let document = server.get("acme", "viewer", &format!("/v1/documents/{id}")).await.body;
    assert_eq!((&document["status"], &document["sizeBytes"]), (&json!("PENDING"), &Value::Null));
    assert_eq!(usage(&pool).await, (1, 0));
    assert_eq!(put(&server, "member", &id, &[], vec![b'x'; 100].into()).await.status, 200);
    let other = created(&server, "acme", &[]).await;
    let full = put(&server, "member", &other, &[], vec![b'x'; 51].into()).await;
    assert_eq!(code(&full), (409, "plan_limit_reached"), "{}", full.body);
    assert_eq!(usage(&pool).await, (2, 100));
}

/// Of a hundred documents that are created at once, a plan with ten permits ten.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn documents_created_at_once_do_not_exceed_the_plan(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.set_plan_limits(json!({"documents": 10})).await;
    let body = json!({"fileName": "handbook.txt"});
    let mut statuses = Vec::new();
    // As many as a tenant can have in progress.
    for _ in 0..10 {
        let answers = futures::future::join_all((0..10).map(|_| create(&server, "acme", &body))).await;
        statuses.extend(answers.iter().map(|answer| answer.status));
    }
    let of = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((of(201), of(409)), (10, 90), "{statuses:?}");
    assert_eq!(usage(&pool).await, (10, 0));
    assert_eq!(create(&server, "globex", &body).await.status, 201);
}

/// Every field that is not valid is named, and a retry with an idempotency key creates one document.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_fields_of_a_document_are_checked(pool: PgPool) {
    let server = Server::start(&pool).await;
    let wrong = json!({
        "fileName": "../secrets", "mimeType": "text/html; charset=x", "tags": ["", "a"],
        "metadata": {"long": "x".repeat(5_000)},
    });
    let answer = create(&server, "acme", &wrong).await;
    assert_eq!(code(&answer), (422, "invalid"));
    let pointers = answer.body["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]);
    assert_eq!(pointers.collect::<Vec<_>>(), ["/fileName", "/mimeType", "/metadata", "/tags/0"]);
    let many = json!({"fileName": "a", "metadata": {"list": vec![0; 64]}});
    assert_eq!(code(&create(&server, "acme", &many).await), (422, "invalid"));
    let body = json!({"fileName": "a.txt", "tags": ["b", "a", "b"], "metadata": {"year": 2026}});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = server.post_with_key("acme", "member", "/v1/documents", &body, "key").await;
        assert_eq!((answer.status, &answer.body["tags"]), (201, &json!(["a", "b"])));
        ids.push(answer.body["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(usage(&pool).await.0, 1);
}

/// A document is changed with its tag, found by its tags and status, and its deletion is requested once.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_document_is_changed_found_and_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (id, _other) = (created(&server, "acme", &["hr"]).await, created(&server, "acme", &["sales"]).await);
    let path = format!("/v1/documents/{id}");
    let tag = server.get("acme", "viewer", &path).await.headers["etag"].clone();
    let headers = [("content-type", "application/merge-patch+json"), ("if-match", tag.to_str().unwrap())];
    let patch = r#"{"fileName": "rules.txt", "metadata": {"year": 2026}}"#;
    let changed = server.patch("acme", "member", &path, &headers, patch).await;
    assert_eq!(
        (changed.status, &changed.body["metadata"]),
        (200, &json!({"year": 2026})),
        "{}",
        changed.body
    );
    assert_eq!(
        code(&server.patch("acme", "member", &path, &headers, patch).await),
        (412, "precondition_failed")
    );
    for (query, expected) in [("tag=hr", 1), ("tag=HR", 0), ("status=PENDING", 2), ("status=READY", 0)] {
        let page = server.get("acme", "viewer", &format!("/v1/documents?{query}&include=totalCount")).await;
        assert_eq!(page.body["data"].as_array().unwrap().len(), expected, "{query}: {}", page.body);
        assert_eq!(page.body["page"]["totalCount"], expected.to_string());
    }
    assert_eq!(code(&server.request("acme", "member", "DELETE", &path).await), (403, "forbidden"));
    for _ in 0..2 {
        let deleted = server.request("acme", "builder", "DELETE", &path).await;
        assert_eq!((deleted.status, &deleted.body["status"]), (202, &json!("DELETING")));
    }
    assert_eq!(code(&put(&server, "member", &id, &[], TEXT.into()).await), (409, "conflict"));
    let processed = server.request("acme", "operator", "POST", &format!("{path}/processing")).await;
    assert_eq!(code(&processed), (409, "conflict"));
}

/// Policies that name tags decide which documents somebody lists, reads, changes and creates.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn policies_select_documents_by_their_tags(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (hr, sales) = (created(&server, "acme", &["hr"]).await, created(&server, "acme", &["sales"]).await);
    let policy = json!({"name": "HR", "effect": "ALLOW", "actions": ["document", "chunk"],
                        "resources": [{"kind": "DOCUMENT_TAG", "tag": "hr"}]});
    let policy = server.post("acme", "owner", "/v1/policies", &policy).await.body["id"].clone();
    let role = json!({"name": "HR", "policies": [policy]});
    let role = server.post("acme", "owner", "/v1/roles", &role).await.body["id"].as_str().unwrap().to_owned();
    let page = server.get("acme", &role, "/v1/documents?include=totalCount").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let ids: Vec<_> = page.body["data"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!((ids, &page.body["page"]["totalCount"]), (vec![&json!(hr)], &json!("1")));
    for (id, status) in [(&hr, 200), (&sales, 404)] {
        for path in ["", "/chunks"] {
            let answer = server.get("acme", &role, &format!("/v1/documents/{id}{path}")).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
    }
    assert_eq!(put(&server, &role, &hr, &[], TEXT.into()).await.status, 200);
    assert_eq!(put(&server, &role, &sales, &[], TEXT.into()).await.status, 404);
    let headers = [("content-type", "application/merge-patch+json")];
    let away = server.patch("acme", &role, &format!("/v1/documents/{hr}"), &headers, r#"{"tags": []}"#).await;
    assert_eq!(
        code(&away),
        (403, "forbidden"),
        "nobody gives a document tags with which they could not change it"
    );
    let foreign = server.post("acme", &role, "/v1/documents", &json!({"fileName": "a"})).await;
    assert_eq!(code(&foreign), (403, "forbidden"));
    let own = server.post("acme", &role, "/v1/documents", &json!({"fileName": "a", "tags": ["hr"]})).await;
    assert_eq!(own.status, 201, "{}", own.body);
}

/// A policy that denies reading documents with a tag also holds for whoever may change or delete them, by REST and by GraphQL, and is not
/// evaded by another tag.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_denial_is_not_evaded(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_documents(&pool).await;
    let id = "71000000-0000-4000-8000-000000000001";
    let deny = |name: &str, action: &str| json!({"name": name, "effect": "DENY", "actions": [action], "resources": [{"kind": "DOCUMENT_TAG", "tag": "hr"}]});
    let allow = json!({"name": "all", "effect": "ALLOW", "actions": ["document", "chunk"]});
    let mut roles = Vec::new();
    for (name, action) in [("no reading", "document.read"), ("no deletion", "document.delete")] {
        let mut policies = Vec::new();
        for policy in [
            &deny(name, action),
            &json!({"name": format!("{name}: all"), "effect": "ALLOW", "actions": allow["actions"]}),
        ] {
            policies.push(server.post("acme", "owner", "/v1/policies", policy).await.body["id"].clone());
        }
        let role = json!({"name": name, "policies": policies});
        let role = server.post("acme", "owner", "/v1/roles", &role).await.body["id"].clone();
        roles.push(role.as_str().unwrap().to_owned());
    }
    let [no_reading, no_deletion] = roles.as_slice() else { panic!("{roles:?}") };
    let headers = [("content-type", "application/merge-patch+json")];
    let path = format!("/v1/documents/{id}");
    for patch in ["{}", r#"{"tags": []}"#] {
        let answer = server.patch("acme", no_reading, &path, &headers, patch).await;
        assert_eq!(code(&answer), (404, "not_found"), "{patch}: {}", answer.body);
    }
    assert_eq!(server.request("acme", no_reading, "DELETE", &path).await.status, 404);
    assert_eq!(server.request("acme", no_reading, "POST", &format!("{path}/processing")).await.status, 404);
    assert_eq!(put(&server, no_reading, id, &[], TEXT.into()).await.status, 404);
    let chunk = STANDARD.encode("SemanticChunk:72000000-0000-4000-8000-000000000001");
    for (role, found) in [(no_reading.as_str(), false), ("viewer", true)] {
        let query = "query($id: ID!) { semanticChunk(id: $id) { text } node(id: $id) { id } }";
        let answer = server.graphql(role, query, json!({"id": chunk})).await.body;
        assert_eq!(
            (answer["data"]["semanticChunk"].is_object(), answer["data"]["node"].is_object()),
            (found, found),
            "{answer}"
        );
    }
    let retagged = server.patch("acme", no_deletion, &path, &headers, r#"{"tags": []}"#).await;
    assert_eq!(code(&retagged), (403, "forbidden"), "{}", retagged.body);
    let renamed = server.patch("acme", no_deletion, &path, &headers, r#"{"fileName": "a.md"}"#).await;
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    assert_eq!(server.get("acme", "viewer", "/v1/documents?tag=%00").await.body["data"], json!([]));
}

/// Without object storage, a document cannot be created, and the answer says why.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn documents_need_object_storage(pool: PgPool) {
    let server = Server::start(&pool).await.without_objects();
    let answer = create(&server, "acme", &json!({"fileName": "a"})).await;
    assert_eq!(code(&answer), (501, "no_object_storage"));
}
