//! Tests of the login page and of the exchange of codes.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use jsonwebtoken::{DecodingKey, Validation, decode};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::*;

const CLIENT: &str = "web";
const BACK: &str = "http://127.0.0.1:1/auth/callback";
/// Example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Answer of the issuer.
struct Answer {
    status: u16,
    location: String,
    body: String,
}

struct Server {
    router: Router,
    public_key: Vec<u8>,
}

impl Server {
    fn start() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &SystemRandom::new())
                .unwrap();
        let issuer = Issuer {
            url: "http://issuer".to_owned(),
            client: Client { id: CLIENT.to_owned(), redirect_uri: BACK.to_owned() },
            codes: Codes::default(),
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            key_id: "one".to_owned(),
            discovery: String::new(),
            keys: String::new(),
        };
        Self { router: routes(Arc::new(issuer)), public_key: pair.public_key().as_ref().to_vec() }
    }

    async fn send(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let location = response.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            location: location.unwrap_or_default(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Chooses a person on the login page and returns the code.
    async fn log_in(&self, email: &str) -> String {
        let back = self.send("POST", &authorize(&[]), &[("person", email)]).await;
        assert_eq!(back.status, 303, "{}", back.body);
        let url = url::Url::parse(&back.location).unwrap();
        assert!(back.location.starts_with(BACK) && back.location.contains("state=s1"), "{}", back.location);
        url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    }

    async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("client_id", CLIENT),
            ("code_verifier", VERIFIER),
        ];
        form.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
        form.extend(changes);
        self.send("POST", "/token", &form).await
    }
}

/// Returns the path of a login with changed parameters.
fn authorize(changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("client_id", CLIENT),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s1"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
    pairs.extend(changes);
    format!("/authorize?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// The person who was chosen on the page is the one of the ID token, which is signed for the client and the login.
#[tokio::test]
async fn a_chosen_person_gets_an_id_token() {
    let server = Server::start();
    let page = server.send("GET", &authorize(&[]), &[]).await;
    assert_eq!(page.status, 200);
    for person in &people::PEOPLE {
        assert!(page.body.contains(person.email) && page.body.contains(person.name), "{}", page.body);
    }
    let code = server.log_in("chen.li@acme.example").await;
    let answer = server.exchange(&code, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[CLIENT]);
    let key = DecodingKey::from_ec_der(&server.public_key);
    let claims = decode::<Value>(body["id_token"].as_str().unwrap(), &key, &validation).unwrap().claims;
    assert_eq!(
        json!([claims["nonce"], claims["sub"], claims["smb_tenant"], claims["smb_roles"]]),
        json!(["n1", "chen.li@acme.example", "acme", ["operator"]])
    );
}

/// A code works once, and only for the client, the address and the browser that began the login.
#[tokio::test]
async fn a_code_works_once_and_for_its_login_only() {
    let server = Server::start();
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "http://127.0.0.1:2/auth/callback"),
        ("code_verifier", "x"),
        ("grant_type", "password"),
        ("code", "x"),
    ] {
        let code = server.log_in("anna.berg@acme.example").await;
        assert_eq!(server.exchange(&code, &[change]).await.status, 400, "{change:?}");
    }
    let code = server.log_in("anna.berg@acme.example").await;
    assert_eq!(server.exchange(&code, &[]).await.status, 200);
    assert_eq!(server.exchange(&code, &[]).await.status, 400, "a second time");
}

/// A request with a mistake is answered with it, and sends the browser nowhere. Parameters cannot add anything to the page.
#[tokio::test]
async fn a_request_with_a_mistake_sends_the_browser_nowhere() {
    let server = Server::start();
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "https://attacker.example/"),
        ("response_type", "token"),
        ("code_challenge_method", "plain"),
        ("scope", "email"),
    ] {
        for method in ["GET", "POST"] {
            let answer =
                server.send(method, &authorize(&[change]), &[("person", "anna.berg@acme.example")]).await;
            assert_eq!((answer.status, answer.location.as_str()), (400, ""), "{change:?}");
        }
    }
    let unknown = server.send("POST", &authorize(&[]), &[("person", "nobody@acme.example")]).await;
    assert_eq!((unknown.status, unknown.location.as_str()), (400, ""));
    let page = server.send("GET", &authorize(&[("state", "\"><script>")]), &[]).await;
    assert!(page.status == 200 && !page.body.contains("<script>"), "{}", page.body);
}

/// The command line is consistent, which clap checks at run time.
#[test]
fn the_command_line_is_consistent() {
    use clap::CommandFactory as _;
    Config::command().debug_assert();
}
