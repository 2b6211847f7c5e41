//! `POST /token` exchanges a code for an ID token.

use std::sync::Arc;

use axum::{Form, Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Issuer, codes::Grant};

/// Lifetime of an ID token in seconds. The api-server checks it once, and keeps a session of its own.
const LIFETIME_SECONDS: i64 = 300;

/// Form of a client that exchanges a code (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
#[derive(Deserialize)]
pub(crate) struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// Returns the ID token of the person who has logged in, once for each code.
pub(crate) async fn exchange(
    State(issuer): State<Arc<Issuer>>,
    Form(form): Form<Exchange>,
) -> (StatusCode, Json<Value>) {
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error})));
    if form.grant_type != "authorization_code" {
        return refused("unsupported_grant_type");
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form.code_verifier));
    let is_right = |grant: &Grant| {
        form.client_id == issuer.client.id
            && form.redirect_uri == grant.redirect_uri
            && challenge == grant.code_challenge
    };
    let Some(grant) = issuer.codes.take(&form.code).filter(is_right) else { return refused("invalid_grant") };
    match id_token(&issuer, &grant) {
        Ok(token) => (StatusCode::OK, Json(json!({"id_token": token, "token_type": "Bearer"}))),
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::error!(error, "failed to sign a token");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": "server_error"})))
        }
    }
}

fn id_token(issuer: &Issuer, grant: &Grant) -> Result<String, jsonwebtoken::errors::Error> {
    let now = telemetry::clock::now().as_second();
    let person = grant.person;
    let claims = json!({
        "iss": issuer.url, "aud": issuer.client.id, "nonce": grant.nonce,
        "iat": now, "nbf": now, "exp": now.saturating_add(LIFETIME_SECONDS),
        "sub": person.email, "email": person.email, "email_verified": true, "name": person.name,
        "smb_tenant": person.tenant, "smb_roles": [person.role],
    });
    let header = Header { kid: Some(issuer.key_id.clone()), ..Header::new(Algorithm::ES256) };
    encode(&header, &claims, &issuer.key)
}
