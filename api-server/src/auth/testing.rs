//! A token issuer for tests, with its own key, over HTTP.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{
    Form, Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::Url;

use domain::permission::Permissions;

use super::{Issuer, Issuers, JustInTime, Principal, TokenClaims, Verifier};

/// Client of the tests' logins.
pub(crate) const CLIENT_ID: &str = "smb-copilot-web";
/// Audience of the tests' tokens.
pub(crate) const AUDIENCE: &str = "smb-copilot";

/// Issuer that serves its discovery document and an Ed25519 key on a port of its own until the test ends.
#[derive(Clone)]
pub(crate) struct TestIssuer {
    /// Its `iss` claim, which is also the base URL of its discovery document.
    pub(crate) url: String,
    key: EncodingKey,
    /// Key that is published after a rotation, with the ID `two`.
    next_key: EncodingKey,
    next_jwk: Value,
    published: Arc<Mutex<Vec<Value>>>,
    fetches: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
    grants: Arc<Mutex<HashMap<String, Grant>>>,
}

/// What a person has permitted a client, until it exchanges the code.
struct Grant {
    challenge: String,
    redirect_uri: String,
    id_token: String,
}

/// Form of a client that exchanges a code.
#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    client_id: String,
}

/// Change of what a role grants, to test that a test notices it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mutant {
    /// Role that is changed.
    pub(crate) role: &'static str,
    /// Permissions that it loses.
    pub(crate) lost: Permissions,
    /// Permissions that it gets.
    pub(crate) gained: Permissions,
}

impl Verifier {
    /// Changes what a role grants.
    pub(crate) fn mutate(&self, mutant: Option<Mutant>) {
        *self.mutant.write().unwrap() = mutant;
    }

    /// Changes the permissions of a principal who has the changed role.
    pub(crate) fn apply_mutant(&self, principal: &mut Principal) {
        let Some(Mutant { role, lost, gained }) = *self.mutant.read().unwrap() else { return };
        if principal.roles.iter().any(|own| own == role) {
            principal.permissions = principal.permissions.without(lost).union(gained);
        }
    }
}

/// Returns a verifier that trusts these issuers.
pub(crate) fn verifier(issuers: Vec<Issuer>) -> Verifier {
    Verifier::new(Issuers::new(issuers).unwrap()).unwrap().with_token_claims(TokenClaims::Always)
}

impl TestIssuer {
    /// Starts an issuer.
    pub(crate) async fn start() -> Self {
        // The HTTP client panics if no TLS provider is installed.
        rustls::crypto::ring::default_provider().install_default().ok();
        let (key, next) = (SigningKey::from_bytes(&rand::random()), SigningKey::from_bytes(&rand::random()));
        let published = Arc::new(Mutex::new(vec![jwk(&key, "one")]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fetches = Arc::new(AtomicUsize::new(0));
        let hangs = Arc::new(AtomicBool::default());
        let grants = Arc::<Mutex<HashMap<_, _>>>::default();
        let router = router(&url, published.clone(), fetches.clone(), hangs.clone());
        let router = router.merge(token_endpoint(grants.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (next_key, next_jwk) = (encoding_key(&next), jwk(&next, "two"));
        Self { url, key: encoding_key(&key), next_key, next_jwk, published, fetches, hangs, grants }
    }

    /// Publishes the next key besides the first one.
    pub(crate) fn rotate(&self) {
        self.published.lock().unwrap().push(self.next_jwk.clone());
    }

    /// Withdraws the first key.
    pub(crate) fn withdraw(&self) {
        self.published.lock().unwrap().remove(0);
    }

    /// Signs claims with the next key.
    pub(crate) fn sign_with_next_key(&self, claims: &Value) -> String {
        let header = Header { kid: Some("two".to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.next_key).unwrap()
    }

    /// Returns the published keys.
    pub(crate) fn published(&self) -> Vec<Value> {
        self.published.lock().unwrap().clone()
    }

    /// Returns a verifier that trusts this issuer alone.
    pub(crate) fn verifier(&self) -> Verifier {
        verifier(vec![self.issuer()])
    }

    /// Returns a verifier that trusts this issuer for some tenants alone.
    pub(crate) fn verifier_of_tenants(&self, tenants: &[&str]) -> Verifier {
        let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        verifier(vec![Issuer { tenants: Some(tenants), ..self.issuer() }])
    }

    /// Returns a verifier that trusts this issuer and another one.
    pub(crate) fn verifier_with(&self, other: &Self) -> Verifier {
        verifier(vec![self.issuer(), other.issuer()])
    }

    /// Returns the configuration of this issuer.
    pub(crate) fn issuer(&self) -> Issuer {
        Issuer {
            issuer: self.url.clone(),
            audience: AUDIENCE.to_owned(),
            jwks_url: None,
            algorithms: vec![Algorithm::EdDSA],
            tenants: None,
            trusted_for_email: false,
            just_in_time: None,
            client_id: None,
            client_secret_file: None,
        }
    }

    /// Returns the configuration of this issuer with a client for logins.
    pub(crate) fn issuer_with_client(&self) -> Issuer {
        Issuer { client_id: Some(CLIENT_ID.to_owned()), ..self.issuer() }
    }

    /// Returns the code of a person who has logged in at the URL to which a client has sent the browser. The claims override those of the
    /// ID token.
    pub(crate) fn grant(&self, url: &Url, others: &Value) -> String {
        let parameter =
            |name: &str| url.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned();
        let mut claims = json!({"aud": CLIENT_ID, "nonce": parameter("nonce")});
        claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        let mut claims = self.claims(&claims);
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let (challenge, redirect_uri) = (parameter("code_challenge"), parameter("redirect_uri"));
        let (code, id_token) = (telemetry::ids::uuid_v7().to_string(), self.sign(&claims));
        self.grants.lock().unwrap().insert(code.clone(), Grant { challenge, redirect_uri, id_token });
        code
    }

    /// Returns a verifier that trusts this issuer for the addresses of its users, and lets it create users with addresses of a domain.
    pub(crate) fn verifier_of_addresses(&self, domain: Option<&str>, claims: TokenClaims) -> Verifier {
        let just_in_time = domain
            .map(|domain| JustInTime { default_role: "member".to_owned(), domains: vec![domain.to_owned()] });
        let issuer = Issuer { trusted_for_email: true, just_in_time, ..self.issuer() };
        verifier(vec![issuer]).with_token_claims(claims)
    }

    /// Makes all further requests for keys hang.
    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// Returns a token of a tenant's user, valid for five minutes.
    pub(crate) fn token(&self, tenant: &str, role: &str) -> String {
        let email = format!("Anna@{tenant}.example");
        self.sign(&self.claims(&json!({"email": email, "smb_tenant": tenant, "smb_roles": [role]})))
    }

    /// Returns a token of a platform administrator.
    pub(crate) fn platform_token(&self, role: &str) -> String {
        self.sign(&self.claims(&json!({"email": "olga@platform.example", "smb_roles": [role]})))
    }

    /// Returns valid claims, overridden by others.
    pub(crate) fn claims(&self, others: &Value) -> Value {
        let now = telemetry::clock::now().as_second();
        let mut claims = json!({
            "iss": self.url, "aud": AUDIENCE, "exp": now + 300, "iat": now, "email": "Anna@acme.example",
        });
        for (name, value) in others.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    /// Signs claims with the issuer's key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.key).unwrap()
    }

    /// Signs claims with additional parameters in the header.
    pub(crate) fn sign_with_header(&self, others: &Value, claims: &Value) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"});
        for (name, value) in others.as_object().unwrap() {
            header[name] = value.clone();
        }
        header.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encoded(&header), encoded(claims));
        format!("{message}.{}", self.sign_text(&message))
    }

    /// Returns the signature of a header and claims that are encoded already.
    pub(crate) fn sign_text(&self, message: &str) -> String {
        sign(message.as_bytes(), &self.key, Algorithm::EdDSA).unwrap()
    }

    /// Returns how often the key set was fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn router(
    url: &str,
    published: Arc<Mutex<Vec<Value>>>,
    fetches: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
) -> Router {
    let discovery = json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
    });
    let keys = move || {
        fetches.fetch_add(1, Ordering::SeqCst);
        let mut keys = vec![json!({"kty": "OKP", "crv": "of the future", "kid": "zero"})];
        keys.extend(published.lock().unwrap().clone());
        let keys = json!({"keys": keys});
        let hangs = hangs.load(Ordering::SeqCst);
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            Json(keys)
        }
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(|| async { Json(discovery) }))
        .route("/keys", get(keys))
}

fn encoding_key(key: &SigningKey) -> EncodingKey {
    EncodingKey::from_ed_der(key.to_pkcs8_der().unwrap().as_bytes())
}

fn jwk(key: &SigningKey, kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
}

/// Returns the endpoint that exchanges each code once, for the client that has begun the login.
fn token_endpoint(grants: Arc<Mutex<HashMap<String, Grant>>>) -> Router {
    let exchange = async move |Form(form): Form<Exchange>| {
        let Exchange { grant_type, code, redirect_uri, code_verifier, client_id } = form;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier));
        let is_right = |grant: &Grant| {
            let is_client = grant_type == "authorization_code" && client_id == CLIENT_ID;
            is_client && grant.challenge == challenge && grant.redirect_uri == redirect_uri
        };
        match grants.lock().unwrap().remove(&code).filter(is_right) {
            Some(grant) => {
                (StatusCode::OK, Json(json!({"id_token": grant.id_token, "token_type": "Bearer"})))
            }
            None => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))),
        }
    };
    Router::new().route("/token", post(exchange))
}
