//! Tests of the number of round trips to Postgres that each operation waits for.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::testing::{FAILED_RUN, QUEUED_RUN, RUN, Server, WORKFLOW};
use crate::db::testing::Counts;

/// Number of connections that the requests of a test may use, and one more.
const CONNECTIONS: usize = 4;

const fn counts(begins: usize, statements: usize, commits: usize) -> Counts {
    Counts { begins, statements, commits }
}

/// A read waits for one round trip that begins its transaction, and for one statement.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_read_takes_two_round_trips(pool: PgPool) {
    let (server, trips) = Server::start_counted(&pool).await;
    let run = format!("/v1/workflow-runs/{RUN}");
    let one = counts(1, 1, 0);
    for (path, expected) in [
        ("/v1/me".to_owned(), counts(0, 0, 0)),
        ("/v1/tenant".to_owned(), one),
        ("/v1/plans".to_owned(), one),
        ("/v1/workflows".to_owned(), one),
        (format!("/v1/workflows/{WORKFLOW}"), one),
        (format!("/v1/workflows/{WORKFLOW}?fields=id,status"), one),
        // The second statement tells an unknown workflow from one without runs.
        (format!("/v1/workflows/{WORKFLOW}/runs"), counts(1, 2, 0)),
        ("/v1/workflow-runs?status=FAILED&fields=id".to_owned(), one),
        (run.clone(), one),
        (format!("{run}?fields=id,status"), one),
        ("/v1/workflow-runs/invoice-1".to_owned(), one),
        (format!("{run}/steps"), one),
        (format!("{run}/output"), one),
        ("/v1/events".to_owned(), one),
        (format!("{run}/events"), counts(1, 2, 0)),
    ] {
        // The first request verifies the token and finds the tenant.
        server.get("acme", "viewer", "/v1/me").await;
        let mut fewest = None;
        // The first statement with a type of the database reads its description, once for each connection.
        for _ in 0..CONNECTIONS {
            let before = trips.counts();
            let answer = server.get("acme", "viewer", &path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            let used = trips.counts() - before;
            fewest = fewest.filter(|fewest: &Counts| fewest.statements <= used.statements).or(Some(used));
        }
        assert_eq!(fewest, Some(expected), "{path}");
    }
    server.get("acme", "admin", "/v1/me").await;
    let before = trips.counts();
    assert_eq!(server.get("acme", "admin", "/v1/usage").await.status, 200);
    assert_eq!(trips.counts() - before, one, "/v1/usage");
}

/// A write takes no more round trips than this table says. They include those with which the mirror stores the object, so that
/// the caller reads its own write, and those of the audit log.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_write_takes_a_bounded_number_of_round_trips(pool: PgPool) {
    let (server, trips) = Server::start_counted(&pool).await;
    server.get("acme", "builder", "/v1/me").await;
    let mut measured = Vec::new();
    for (method, path, body, status, limit) in [
        ("POST", format!("/v1/workflows/{WORKFLOW}/runs"), json!({"input": {"url": "x"}}), 202, 36),
        ("PUT", format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation"), json!({"mode": "NOW"}), 202, 28),
        ("POST", format!("/v1/workflow-runs/{FAILED_RUN}/reruns"), json!({}), 202, 42),
    ] {
        let before = trips.counts();
        let answer = match method {
            "PUT" => server.put("acme", "builder", &path, &body).await,
            _ => server.post("acme", "builder", &path, &body).await,
        };
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let Counts { begins, statements, commits } = trips.counts() - before;
        measured.push((path, begins + statements + commits, limit));
    }
    assert!(measured.iter().all(|(_, used, limit)| used <= limit), "{measured:?}");
}

/// An unknown secret takes as many round trips as one that is expired, revoked or of somebody else: nothing tells them apart by time.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn unknown_and_wrong_secrets_take_the_same_round_trips(pool: PgPool) {
    let (server, trips) = Server::start_counted(&pool).await;
    server.add_users(&pool).await;
    let create = async |path: &str, body: Value, secret: &str| {
        let created = server.post("acme", "owner", path, &body).await;
        assert_eq!(created.status, 201, "{}", created.body);
        [secret, "id"].map(|field| created.body[field].as_str().unwrap().to_owned())
    };
    let account = json!({"name": "robot", "roles": ["viewer"]});
    let [_, account] = create("/v1/service-accounts", account, "id").await;
    let key = json!({"name": "k", "scopes": ["workflow.read"], "serviceAccountId": account});
    let [expired, _] = create("/v1/api-keys", key.clone(), "secret").await;
    let [invitation_expired, _] =
        create("/v1/invitations", json!({"email": "emil@acme.example", "roles": ["viewer"]}), "token").await;
    for table in ["api_keys", "invitations"] {
        let expire = format!("update {table} set expires_at = now() - interval '1 second'");
        sqlx::query(sqlx::AssertSqlSafe(expire)).execute(&pool).await.unwrap();
    }
    let [revoked, id] = create("/v1/api-keys", key, "secret").await;
    assert_eq!(server.request("acme", "owner", "DELETE", &format!("/v1/api-keys/{id}")).await.status, 204);
    let [invitation, _] =
        create("/v1/invitations", json!({"email": "dora@acme.example", "roles": ["viewer"]}), "token").await;
    // All connections have prepared the statements after some requests.
    let random = |number: usize| domain::identity::ApiKey::from_random(&format!("{number:030}")).unwrap();
    let unknown: Vec<_> = (0..=CONNECTIONS).map(|number| random(number).secret().to_owned()).collect();
    let mut used = Vec::new();
    for key in unknown.iter().chain([&expired, &revoked]) {
        let before = trips.counts();
        assert_eq!(server.with_token(key, "/v1/me").await.status, 401);
        used.push(trips.counts() - before);
    }
    assert_eq!(used[CONNECTIONS..], [counts(0, 1, 0); 3], "an unknown, an expired and a revoked key");
    let accept = async |number: usize, token: &str| {
        let claims = json!({"sub": format!("eve-{number}"), "email": "eve@acme.example"});
        let bearer = server.issuer.sign(&server.issuer.claims(&claims));
        let request = Request::get("/v1/me").header("authorization", format!("Bearer {bearer}"));
        let before = trips.counts();
        let answer =
            server.send(request.header("invitation-token", token).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.body["code"], "invitation_invalid", "{}", answer.body);
        trips.counts() - before
    };
    let mut used = Vec::new();
    for (number, token) in [["smbi_unknown"; CONNECTIONS + 1].as_slice(), &[&invitation_expired, &invitation]]
        .concat()
        .iter()
        .enumerate()
    {
        used.push(accept(number, token).await);
    }
    assert_eq!(
        used[CONNECTIONS..],
        [counts(0, 2, 0); 3],
        "an unknown, an expired and another person's invitation"
    );
}
