//! Tests of who a token is: users, first logins, and claims without a user.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::testing::{ANNA, Answer, BOB, CARA, Server};
use crate::auth::TokenClaims;

/// Time within which a change of a user takes effect, with the tolerance of tests.
const DEADLINE_SECONDS: i64 = 50;

fn token(server: &Server, claims: &Value) -> String {
    server.issuer.sign(&server.issuer.claims(claims))
}

async fn me(server: &Server, claims: &Value) -> Answer {
    server.with_token(&token(server, claims), "/v1/me").await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

async fn start(pool: &PgPool, domain: Option<&str>, claims: TokenClaims) -> Server {
    let server = Server::start(pool).await;
    let verifier = server.issuer.verifier_of_addresses(domain, claims);
    server.add_users(pool).await;
    server.with_verifier(verifier)
}

/// Waits until the caller of a token is answered with a status.
async fn wait_for(server: &Server, claims: &Value, status: u16) -> Answer {
    let deadline = telemetry::clock::now().as_second() + DEADLINE_SECONDS;
    loop {
        let answer = me(server, claims).await;
        if answer.status == status {
            return answer;
        }
        assert!(telemetry::clock::now().as_second() < deadline, "{}", answer.body);
        tokio::task::yield_now().await;
    }
}

/// The user of an identity decides about tenant and roles, whatever the claims of the token say.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_user_decides_about_tenant_and_roles(pool: PgPool) {
    let server = start(&pool, None, TokenClaims::Always).await;
    let claims = json!({"sub": "bob", "email": "other@acme.example", "smb_roles": ["owner"]});
    let answer = me(&server, &claims).await;
    assert_eq!(
        (&answer.body["id"], &answer.body["roles"]),
        (&json!(BOB), &json!(["builder"])),
        "{}",
        answer.body
    );
    assert_eq!(
        (&answer.body["email"], &answer.body["tenant"]["slug"]),
        (&json!("bob@acme.example"), &json!("acme"))
    );
    let elsewhere = json!({"sub": "bob", "smb_tenant": "globex", "smb_roles": ["owner"]});
    assert_eq!(code(&me(&server, &elsewhere).await), (403, "user_unknown"));
    let query = json!({"query": "{ viewer { email displayName roles user { email status } } }"});
    let anna = token(&server, &json!({"sub": "anna"}));
    let viewer = server.post_raw(&anna, "/graphql", "application/json", &query.to_string()).await;
    let expected = json!({"email": "Anna@acme.example", "displayName": "Anna Berg", "roles": ["owner"],
        "user": {"email": "Anna@acme.example", "status": "ACTIVE"}});
    assert_eq!(viewer.body["data"]["viewer"], expected, "{}", viewer.body);
}

/// A deactivation and a change of roles take effect on all replicas, although the user was active a moment ago.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn changes_take_effect_on_all_replicas(pool: PgPool) {
    let server = start(&pool, None, TokenClaims::Always).await;
    let replica = server.replica(&pool).await;
    let bob = json!({"sub": "bob", "smb_tenant": "acme", "smb_roles": ["owner"]});
    for replica in [&server, &replica] {
        assert_eq!(me(replica, &bob).await.body["roles"], json!(["builder"]));
    }
    let role = format!("/v1/users/{BOB}/roles/viewer");
    assert_eq!(server.request("acme", "owner", "PUT", &role).await.status, 200);
    let deadline = telemetry::clock::now().as_second() + DEADLINE_SECONDS;
    while me(&replica, &bob).await.body["roles"] != json!(["builder", "viewer"]) {
        assert!(telemetry::clock::now().as_second() < deadline);
        tokio::task::yield_now().await;
    }
    let deactivation = format!("/v1/users/{BOB}/deactivation");
    assert_eq!(server.request("acme", "owner", "PUT", &deactivation).await.status, 200);
    for replica in [&server, &replica] {
        assert_eq!(code(&wait_for(replica, &bob, 403).await), (403, "user_deactivated"));
    }
    assert_eq!(server.request("acme", "owner", "DELETE", &deactivation).await.status, 200);
    wait_for(&replica, &bob, 200).await;
}

/// The first login of an invited person makes the user active, is in the audit log, and binds the identity for good.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_first_login_of_an_invited_person_binds(pool: PgPool) {
    let server = start(&pool, None, TokenClaims::Never).await;
    let cara = json!({"sub": "cara", "email": "CARA@acme.example", "email_verified": true, "name": "Other"});
    let first = me(&server, &cara).await;
    assert_eq!((first.status, &first.body["id"]), (200, &json!(CARA)), "{}", first.body);
    assert_eq!((&first.body["displayName"], &first.body["roles"]), (&json!("Cara Diaz"), &json!(["viewer"])));
    // The address does not matter any more, and another subject with it is somebody else.
    assert_eq!(me(&server, &json!({"sub": "cara", "email": "x@y.example"})).await.status, 200);
    let other = json!({"sub": "another", "email": "cara@acme.example", "email_verified": true});
    assert_eq!(code(&me(&server, &other).await), (403, "user_unknown"));
    let owner = token(&server, &json!({"sub": "anna"}));
    let events = server.with_token(&owner, "/v1/audit-events?action=user.login.first").await;
    let event = &events.body["data"][0];
    assert_eq!(
        (&event["object"]["id"], &event["outcome"]),
        (&json!(CARA), &json!("SUCCEEDED")),
        "{}",
        events.body
    );
    assert_eq!(event["actor"]["subject"], "cara");
    assert_eq!(event["changes"], json!([{"field": "/status", "before": "INVITED", "after": "ACTIVE"}]));
}

/// An address binds nobody unless the issuer is trusted for addresses and has verified it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_address_that_is_not_verified_binds_nobody(pool: PgPool) {
    let server = start(&pool, None, TokenClaims::Never).await;
    for verified in [json!(false), json!("true"), json!(null), json!(1)] {
        let claims = json!({"sub": "cara", "email": "cara@acme.example", "email_verified": verified});
        assert_eq!(code(&me(&server, &claims).await), (403, "user_unknown"), "{claims}");
    }
    let without_subject = json!({"email": "cara@acme.example", "email_verified": true, "smb_tenant": "acme"});
    assert_eq!(code(&me(&server, &without_subject).await), (403, "user_unknown"));
    let elsewhere =
        json!({"sub": "cara", "email": "cara@acme.example", "email_verified": true, "smb_tenant": "globex"});
    assert_eq!(code(&me(&server, &elsewhere).await), (403, "user_unknown"));
    let untrusted = server.issuer.verifier().with_token_claims(TokenClaims::Never);
    let server = server.with_verifier(untrusted);
    let verified = json!({"sub": "cara", "email": "cara@acme.example", "email_verified": true});
    assert_eq!(me(&server, &verified).await.body["id"], json!(null));
    let statuses: Vec<String> =
        sqlx::query_scalar("select status from users order by email_key").fetch_all(&pool).await.unwrap();
    assert_eq!(statuses, ["ACTIVE", "ACTIVE", "INVITED"]);
}

/// An address with invitations of two tenants is bound to the one that the token names, and to none without it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_ambiguous_invitation_is_not_guessed(pool: PgPool) {
    let server = start(&pool, None, TokenClaims::Always).await;
    let body = json!({"email": "cara@acme.example", "roles": ["member"]});
    assert_eq!(server.post("globex", "owner", "/v1/users", &body).await.status, 201);
    let cara = |tenant: Value| json!({"sub": "cara", "email": "cara@acme.example", "email_verified": true, "smb_tenant": tenant});
    assert_eq!(me(&server, &cara(json!(null))).await.body["id"], json!(null));
    let bound = wait_for(&server, &cara(json!("globex")), 200).await;
    assert_eq!((&bound.body["tenant"]["slug"], &bound.body["roles"]), (&json!("globex"), &json!(["member"])));
    // The other invitation is void: the address belongs to a user now.
    assert_eq!(code(&me(&server, &cara(json!("acme"))).await), (403, "user_unknown"));
}

/// A trusted issuer creates users with addresses of its domains and its role, and no others.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn users_are_created_just_in_time(pool: PgPool) {
    let server = start(&pool, Some("acme.example"), TokenClaims::Never).await;
    let dora = json!({"sub": "dora", "email": "dora@acme.example", "email_verified": true, "smb_tenant": "acme",
        "smb_roles": ["owner"], "name": "Dora Lind"});
    let created = me(&server, &dora).await;
    assert_eq!((created.status, &created.body["roles"]), (200, &json!(["member"])), "{}", created.body);
    assert_eq!(created.body["displayName"], "Dora Lind");
    for others in [
        json!({"email": "dora@evil.example"}),
        json!({"email": "dora@sub.acme.example"}),
        json!({"email_verified": false}),
        json!({"smb_tenant": null}),
        // The address is that of a user with another identity.
        json!({"email": "anna@acme.example"}),
    ] {
        let mut claims = dora.clone();
        claims["sub"] = json!(others.to_string());
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        let answer = me(&server, &claims).await;
        assert!(answer.status >= 400 || answer.body["id"].is_null(), "{claims}: {}", answer.body);
    }
    server.set_plan_limits(json!({"users": 4})).await;
    let emil =
        json!({"sub": "emil", "email": "emil@acme.example", "email_verified": true, "smb_tenant": "acme"});
    assert_eq!(code(&me(&server, &emil).await), (409, "plan_limit_reached"));
    assert_eq!(
        code(&me(&server, &emil).await),
        (403, "user_unknown"),
        "a refused admission is not tried again at once"
    );
}

/// Claims without a user give access as the configuration says, and never to a person who is deactivated.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn claims_give_access_as_configured(pool: PgPool) {
    let visitor = |tenant: &str| json!({"sub": "visitor", "smb_tenant": tenant, "smb_roles": ["owner"]});
    for (claims, with_users, without_users) in
        [(TokenClaims::Always, 200, 200), (TokenClaims::Bootstrap, 403, 200), (TokenClaims::Never, 403, 403)]
    {
        let server = Server::start(&pool).await;
        let verifier = server.issuer.verifier_of_addresses(None, claims);
        let server = server.with_verifier(verifier);
        sqlx::query("truncate users cascade").execute(&pool).await.unwrap();
        server.add_users(&pool).await;
        assert_eq!(me(&server, &visitor("acme")).await.status, with_users, "{claims:?}");
        assert_eq!(me(&server, &visitor("globex")).await.status, without_users, "{claims:?}");
        let update = "update users set status = 'DEACTIVATED' where id = $1::uuid";
        sqlx::query(update).bind(BOB).execute(&pool).await.unwrap();
        let bob = json!({"sub": "bob", "smb_tenant": "acme", "smb_roles": ["owner"]});
        assert_eq!(code(&me(&server, &bob).await), (403, "user_deactivated"), "{claims:?}");
        assert_eq!(me(&server, &json!({"sub": "anna"})).await.body["id"], ANNA);
    }
}
