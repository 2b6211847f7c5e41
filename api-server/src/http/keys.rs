//! Tests of API keys and service accounts: what a key may do, and when it ends.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::testing::{ANNA, API_KEY, Answer, BOB, Server};

/// Time within which a change takes effect, with the tolerance of tests.
const DEADLINE_SECONDS: i64 = 50;

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn token(server: &Server, subject: &str) -> String {
    server.issuer.sign(&server.issuer.claims(&json!({"sub": subject})))
}

async fn post(server: &Server, token: &str, path: &str, body: &Value) -> Answer {
    server.post_raw(token, path, "application/json", &body.to_string()).await
}

async fn send(server: &Server, token: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    server.send(request.body(Body::empty()).unwrap()).await
}

/// Creates a key of Anna, an owner, and returns its ID and secret.
async fn create(server: &Server, scopes: &[&str]) -> (String, String) {
    let body = json!({"name": "test", "scopes": scopes});
    let created = post(server, &token(server, "anna"), "/v1/api-keys", &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.headers["cache-control"], "no-store");
    let text = |field: &str| created.body[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn start(pool: &PgPool) -> Server {
    let server = Server::start(pool).await;
    server.add_users(pool).await;
    server
}

async fn wait_for(server: &Server, key: &str, path: &str, status: u16) -> Answer {
    let deadline = telemetry::clock::now().as_second() + DEADLINE_SECONDS;
    loop {
        let answer = server.with_token(key, path).await;
        if answer.status == status {
            return answer;
        }
        assert!(telemetry::clock::now().as_second() < deadline, "{}", answer.body);
        tokio::task::yield_now().await;
    }
}

/// A key has the permissions of its owner that are within its scopes, and is in the audit log and in no response but the first.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_key_is_narrower_than_its_owner(pool: PgPool) {
    let server = start(&pool).await;
    let (id, secret) = create(&server, &["workflow.read", "user.read"]).await;
    assert!(secret.starts_with("smbc_live_") && secret.len() == 46);
    let me = server.with_token(&secret, "/v1/me").await;
    assert_eq!((&me.body["id"], &me.body["tenant"]["slug"]), (&json!(ANNA), &json!("acme")), "{}", me.body);
    let permissions = server.with_token(&secret, "/v1/me/permissions").await;
    assert_eq!(permissions.body["permissions"], json!(["user.read", "workflow.read"]));
    assert_eq!(server.with_token(&secret, "/v1/users").await.status, 200);
    assert_eq!(code(&server.with_token(&secret, "/v1/workflow-runs").await), (403, "forbidden"));
    let refused =
        post(&server, &secret, "/v1/users", &json!({"email": "x@y.example", "roles": ["viewer"]})).await;
    assert_eq!(code(&refused), (403, "forbidden"));
    let list = server.with_token(&token(&server, "anna"), "/v1/api-keys").await;
    assert_eq!(list.body["data"][0]["id"], id);
    assert!(list.body["data"][0]["lastUsedAt"].is_string() || list.body["data"][0]["lastUsedAt"].is_null());
    let events = server.with_token(&token(&server, "anna"), "/v1/audit-events").await;
    for body in [&list.body, &events.body] {
        assert!(!body.to_string().contains(&secret), "a response has the secret");
    }
    let stored: Vec<String> =
        sqlx::query_scalar("select k::text from api_keys k").fetch_all(&pool).await.unwrap();
    assert!(stored.iter().all(|row| !row.contains(&secret[14..])), "the secret is stored");
    let actors = events.body["data"].as_array().unwrap().iter().map(|event| &event["actor"]["issuer"]);
    assert!(actors.clone().any(|issuer| issuer == "api-key"), "{:?}", actors.collect::<Vec<_>>());
}

/// Malformed, unknown, expired and revoked keys get the same answer, and a revocation takes effect on all replicas.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn keys_that_are_not_valid_are_refused_alike(pool: PgPool) {
    let server = start(&pool).await;
    let replica = server.replica(&pool).await;
    let (id, secret) = create(&server, &["workflow.read"]).await;
    assert_eq!(server.with_token(&secret, "/v1/workflows").await.status, 200);
    assert_eq!(replica.with_token(&secret, "/v1/workflows").await.status, 200);
    let unknown = domain::identity::ApiKey::from_random("0123456789abcdefghijABCDEFGHIJ").unwrap();
    let (_, expired) = create(&server, &["workflow.read"]).await;
    let update = "update api_keys set expires_at = now() - interval '1 second' where id <> $1::uuid";
    sqlx::query(update).bind(&id).execute(&pool).await.unwrap();
    let revoked = send(&server, &token(&server, "anna"), "DELETE", &format!("/v1/api-keys/{id}")).await;
    assert_eq!(revoked.status, 204);
    for replica in [&server, &replica] {
        wait_for(replica, &secret, "/v1/workflows", 401).await;
    }
    let expected = server.with_token(unknown.secret(), "/v1/me").await;
    assert_eq!(code(&expected), (401, "invalid_token"));
    for key in ["smbc_live_x", "smbc_", &format!("{}x", &secret[..45]), &secret, &expired] {
        let answer = server.with_token(key, "/v1/me").await;
        assert_eq!(answer.without_request(), expected.without_request(), "{key}");
    }
}

/// Nobody creates a key with scopes that they lack, and a key that loses its owner's permissions loses its own.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_key_follows_its_owner(pool: PgPool) {
    let server = start(&pool).await;
    let path = format!("/v1/users/{BOB}/roles/admin");
    assert_eq!(server.request("acme", "owner", "PUT", &path).await.status, 200);
    let bob = token(&server, "bob");
    let billing = json!({"name": "n", "scopes": ["billing"]});
    assert_eq!(code(&post(&server, &bob, "/v1/api-keys", &billing).await), (403, "forbidden"));
    for scopes in [json!([]), json!(["workflow.raed"]), json!(["*"])] {
        let body = json!({"name": "n", "scopes": scopes});
        assert_eq!(code(&post(&server, &bob, "/v1/api-keys", &body).await), (422, "invalid"), "{body}");
    }
    let platform = json!({"name": "n", "scopes": ["platform"]});
    assert_eq!(code(&post(&server, &bob, "/v1/api-keys", &platform).await), (403, "forbidden"));
    let created =
        post(&server, &bob, "/v1/api-keys", &json!({"name": "n", "scopes": ["user", "api-key"]})).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let key = created.body["secret"].as_str().unwrap();
    assert_eq!(server.with_token(key, "/v1/users").await.status, 200);
    // A key creates no key that is wider than itself.
    let wider = json!({"name": "n", "scopes": ["workflow.read"]});
    assert_eq!(code(&post(&server, key, "/v1/api-keys", &wider).await), (403, "forbidden"));
    assert_eq!(server.request("acme", "owner", "DELETE", &path).await.status, 200);
    wait_for(&server, key, "/v1/users", 403).await;
    let deactivation = format!("/v1/users/{BOB}/deactivation");
    assert_eq!(server.request("acme", "owner", "PUT", &deactivation).await.status, 200);
    let refused = wait_for(&server, key, "/v1/me", 403).await;
    assert_eq!(code(&refused), (403, "user_deactivated"));
    // Claims alone own no key.
    let by_claims = server.post("acme", "owner", "/v1/api-keys", &wider).await;
    assert_eq!(
        (code(&by_claims), &by_claims.body["errors"][0]["pointer"]),
        ((422, "invalid"), &json!("/serviceAccountId"))
    );
}

/// A rotation leaves the old key valid for the overlap only, and a repeated creation shows no secret again.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn keys_are_rotated(pool: PgPool) {
    let server = start(&pool).await;
    let (id, old) = create(&server, &["workflow.read"]).await;
    let anna = token(&server, "anna");
    let path = format!("/v1/api-keys/{id}/rotations");
    let foreign = server.post("acme", "owner", &path, &json!({})).await;
    assert_eq!(code(&foreign), (403, "forbidden"), "nobody else gets a key of a user: {}", foreign.body);
    let too_long = post(&server, &anna, &path, &json!({"overlapSeconds": 604_801})).await;
    assert_eq!(code(&too_long), (422, "invalid"));
    let rotated = post(&server, &anna, &path, &json!({"overlapSeconds": 600})).await;
    assert_eq!(
        (rotated.status, &rotated.body["scopes"]),
        (201, &json!(["workflow.read"])),
        "{}",
        rotated.body
    );
    let new = rotated.body["secret"].as_str().unwrap().to_owned();
    for key in [&old, &new] {
        assert_eq!(server.with_token(key, "/v1/workflows").await.status, 200);
    }
    assert_eq!(post(&server, &anna, &path, &json!({"overlapSeconds": 0})).await.status, 201);
    wait_for(&server, &old, "/v1/workflows", 401).await;
    assert_eq!(server.with_token(&new, "/v1/workflows").await.status, 200);
}

/// A repeated rotation with the same idempotency key creates one key, and the secret is shown once and not stored.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_repeated_rotation_creates_one_key(pool: PgPool) {
    let server = start(&pool).await;
    server.add_keys(&pool).await;
    let path = format!("/v1/api-keys/{API_KEY}/rotations");
    let rotate = async |body: &Value| server.post_with_key("acme", "owner", &path, body, "one").await;
    let first = rotate(&json!({"overlapSeconds": 600})).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let secret = first.body["secret"].as_str().unwrap().to_owned();
    let repeated = rotate(&json!({"overlapSeconds": 600})).await;
    assert_eq!((repeated.status, &repeated.body["id"]), (201, &first.body["id"]), "{}", repeated.body);
    assert_eq!(
        (&repeated.body["secret"], &repeated.headers["idempotent-replayed"]),
        (&json!(null), &"true".parse().unwrap())
    );
    assert_eq!(code(&rotate(&json!({"overlapSeconds": 601})).await), (422, "idempotency_key_reused"));
    let keys = server.get("acme", "owner", "/v1/api-keys").await;
    assert_eq!(keys.body["data"].as_array().unwrap().len(), 2, "{}", keys.body);
    let stored: Vec<String> =
        sqlx::query_scalar("select k::text from idempotency_keys k").fetch_all(&pool).await.unwrap();
    assert!(!stored.is_empty() && stored.iter().all(|row| !row.contains(&secret)), "the secret is stored");
}

/// A service account acts with its own roles by its keys, and a narrower caller creates neither.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn service_accounts_act_by_their_keys(pool: PgPool) {
    let server = start(&pool).await;
    let account = json!({"name": "importer", "description": "Imports orders", "roles": ["operator"]});
    let created = server.post_with_key("acme", "admin", "/v1/service-accounts", &account, "one").await;
    assert_eq!(created.status, 201, "{}", created.body);
    let again = server.post_with_key("acme", "admin", "/v1/service-accounts", &account, "one").await;
    assert_eq!((again.status, &again.body["id"]), (201, &created.body["id"]));
    let same_name = server.post("acme", "admin", "/v1/service-accounts", &account).await;
    assert_eq!(code(&same_name), (409, "already_exists"));
    let powerful = json!({"name": "boss", "roles": ["owner"]});
    assert_eq!(
        code(&server.post("acme", "admin", "/v1/service-accounts", &powerful).await),
        (403, "forbidden")
    );
    let boss = server.post("acme", "owner", "/v1/service-accounts", &powerful).await;
    let by_admin = json!({"name": "n", "scopes": ["billing"], "serviceAccountId": boss.body["id"]});
    assert_eq!(code(&server.post("acme", "admin", "/v1/api-keys", &by_admin).await), (403, "forbidden"));
    let body = json!({"name": "n", "scopes": ["workflow", "user"], "serviceAccountId": created.body["id"]});
    let foreign = server.post("globex", "owner", "/v1/api-keys", &body).await;
    assert_eq!(code(&foreign), (422, "invalid"));
    let key = server.post_with_key("acme", "admin", "/v1/api-keys", &body, "two").await;
    assert_eq!(key.status, 201, "{}", key.body);
    let secret = key.body["secret"].as_str().unwrap().to_owned();
    let repeated = server.post_with_key("acme", "admin", "/v1/api-keys", &body, "two").await;
    assert_eq!((&repeated.body["id"], &repeated.body["secret"]), (&key.body["id"], &json!(null)));
    let me = server.with_token(&secret, "/v1/me").await;
    assert_eq!(me.body["email"], "importer@acme.service-account.invalid");
    assert_eq!(server.with_token(&secret, "/v1/workflow-runs").await.status, 200);
    assert_eq!(code(&server.with_token(&secret, "/v1/users").await), (403, "forbidden"));
    let path = format!("/v1/service-accounts/{}", created.body["id"].as_str().unwrap());
    assert_eq!(server.get("acme", "auditor", &path).await.body["roles"], json!(["operator"]));
    assert_eq!(server.get("globex", "owner", &path).await.status, 404);
    assert_eq!(server.request("acme", "admin", "DELETE", &path).await.status, 204);
    wait_for(&server, &secret, "/v1/me", 401).await;
    let listed = server.get("acme", "admin", "/v1/service-accounts").await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 1);
}
