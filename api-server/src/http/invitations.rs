//! Tests of invitations, which a person accepts with the first request.

mod mail;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::testing::{Answer, CARA, Server};
use crate::auth::TokenClaims;

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

/// Sends the first request of a person, with the token of an invitation.
async fn accept(server: &Server, claims: &Value, token: &str) -> Answer {
    let bearer = server.issuer.sign(&server.issuer.claims(claims));
    let request = Request::get("/v1/me").header("authorization", format!("Bearer {bearer}"));
    server.send(request.header("invitation-token", token).body(Body::empty()).unwrap()).await
}

async fn invite(server: &Server, email: &str, role: &str) -> Answer {
    server.post("acme", "admin", "/v1/invitations", &json!({"email": email, "roles": [role]})).await
}

/// Returns a server whose issuer is not trusted for addresses.
async fn start(pool: &PgPool) -> Server {
    let server = Server::start(pool).await;
    server.add_users(pool).await;
    server
}

/// A person who has the token becomes the invited user, once, and only with the invited address.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn an_invitation_is_accepted_once(pool: PgPool) {
    let server = start(&pool).await;
    let invited = invite(&server, "Dora@acme.example", "member").await;
    assert_eq!(invited.status, 201, "{}", invited.body);
    assert_eq!(invited.headers["cache-control"], "no-store");
    let token = invited.body["token"].as_str().unwrap().to_owned();
    let dora = json!({"sub": "dora", "email": "dora@acme.example"});
    for claims in [json!({"sub": "eve", "email": "eve@acme.example"}), json!({"email": "dora@acme.example"})]
    {
        assert_eq!(code(&accept(&server, &claims, &token).await), (403, "invitation_invalid"), "{claims}");
    }
    let elsewhere = json!({"sub": "dora", "email": "dora@acme.example", "smb_tenant": "globex"});
    assert_eq!(code(&accept(&server, &elsewhere, &token).await), (403, "invitation_invalid"));
    let first = accept(&server, &dora, &token).await;
    assert_eq!((first.status, &first.body["id"]), (200, &invited.body["userId"]), "{}", first.body);
    assert_eq!(first.body["roles"], json!(["member"]));
    // The header of a person who is a user already does not matter.
    assert_eq!(accept(&server, &dora, &token).await.status, 200);
    let another = json!({"sub": "another", "email": "dora@acme.example"});
    assert_eq!(code(&accept(&server, &another, &token).await), (403, "invitation_invalid"));
    let path = format!("/v1/invitations/{}", invited.body["id"].as_str().unwrap());
    let read = server.get("acme", "auditor", &path).await;
    assert!(read.body["acceptedAt"].is_string() && read.body.get("token").is_none(), "{}", read.body);
    let stored: Vec<String> =
        sqlx::query_scalar("select i::text from invitations i").fetch_all(&pool).await.unwrap();
    assert!(stored.iter().all(|row| !row.contains(&token)), "the token is stored");
}

/// Unknown, expired and revoked tokens are refused alike, and a refused token does not fall back to claims.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn tokens_that_are_not_valid_are_refused_alike(pool: PgPool) {
    let server = start(&pool).await;
    let text = |answer: &Answer, field: &str| answer.body[field].as_str().unwrap().to_owned();
    let expired = invite(&server, "dora@acme.example", "member").await;
    let update = "update invitations set expires_at = now() - interval '1 second'";
    sqlx::query(update).execute(&pool).await.unwrap();
    let revoked = invite(&server, "emil@acme.example", "member").await;
    let path = format!("/v1/invitations/{}", text(&revoked, "id"));
    assert_eq!(server.request("acme", "admin", "DELETE", &path).await.status, 204);
    for (subject, token) in
        [("dora", text(&expired, "token")), ("emil", text(&revoked, "token")), ("emil", "smbi_x".to_owned())]
    {
        let email = format!("{subject}@acme.example");
        let claims = json!({"sub": subject, "email": email, "smb_tenant": "acme", "smb_roles": ["owner"]});
        let answer = accept(&server, &claims, &token).await;
        assert_eq!(code(&answer), (403, "invitation_invalid"), "{}", answer.body);
    }
}

/// Nobody invites with roles that they lack, the answer reveals nothing about other tenants, and a lost invitation is repeated.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn invitations_grant_and_reveal_nothing(pool: PgPool) {
    let server = start(&pool).await;
    assert_eq!(code(&invite(&server, "dora@acme.example", "owner").await), (403, "forbidden"));
    assert_eq!(code(&invite(&server, "dora", "member").await), (422, "invalid"));
    assert_eq!(code(&invite(&server, "bob@acme.example", "member").await), (409, "already_exists"));
    let again = invite(&server, "cara@acme.example", "viewer").await;
    assert_eq!((again.status, &again.body["userId"]), (201, &json!(CARA)), "{}", again.body);
    assert_eq!(code(&invite(&server, "cara@acme.example", "builder").await), (409, "already_exists"));
    let body = |email: &str| json!({"email": email, "roles": ["viewer"]});
    let known = server.post("globex", "owner", "/v1/invitations", &body("anna@acme.example")).await;
    let unknown = server.post("globex", "owner", "/v1/invitations", &body("nobody@acme.example")).await;
    let names = |answer: &Answer| answer.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((known.status, names(&known)), (201, names(&unknown)));
    assert_eq!(unknown.status, 201);
    // Anna has logged in for acme: she cannot become a user of globex as well.
    let verifier = server.issuer.verifier_of_addresses(None, TokenClaims::Never);
    let server = server.with_verifier(verifier);
    let token = known.body["token"].as_str().unwrap().to_owned();
    let other = json!({"sub": "anna2", "email": "anna@acme.example"});
    assert_eq!(code(&accept(&server, &other, &token).await), (409, "already_exists"));
}
