//! Tests of logins with a browser, and of the attacks on them.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;
use url::Url;

use crate::{
    auth::{
        LoginClient, LoginIssuers,
        testing::{CLIENT_ID, TestIssuer},
    },
    http::testing::{Answer, BOB, Server},
};

const PUBLIC_URL: &str = "https://copilot.acme.example";
const SESSION: &str = "__Host-smbc_session";
const ATTEMPT: &str = "__Host-smbc_login";

/// Browser with its cookies.
#[derive(Clone, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

/// Login that a browser has begun: the cookie is in the browser, and this is what the issuer receives.
struct Begun {
    url: Url,
    state: String,
}

impl Browser {
    async fn send(&mut self, server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_body(server, method, path, headers, &Value::Null).await
    }

    async fn send_body(
        &mut self,
        server: &Server,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header("cookie", cookies.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let answer = server.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert!(!cookie.contains("Domain"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(other, _)| other != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    fn has(&self, name: &str) -> bool {
        self.cookies.iter().any(|(other, _)| other == name)
    }

    async fn begin(&mut self, server: &Server, query: &str) -> Begun {
        let answer = self.send(server, "GET", &format!("/auth/login{query}"), &[]).await;
        assert_eq!((answer.status, self.has(ATTEMPT)), (303, true), "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let url: Url = answer.headers["location"].to_str().unwrap().parse().unwrap();
        let state = parameter(&url, "state");
        Begun { url, state }
    }

    async fn finish(&mut self, server: &Server, code: &str, state: &str, iss: &str) -> Answer {
        let mut url = Url::parse("https://x.invalid/auth/callback").unwrap();
        for (name, value) in [("code", code), ("state", state), ("iss", iss)] {
            if !value.is_empty() {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let path = format!("/auth/callback?{}", url.query().unwrap());
        self.send(server, "GET", &path, &[]).await
    }

    /// Logs in as the user of a subject.
    async fn log_in(&mut self, server: &Server, subject: &str) -> Answer {
        let begun = self.begin(server, "?returnTo=/runs?status=FAILED").await;
        let code = server.issuer.grant(&begun.url, &json!({"sub": subject}));
        self.finish(server, &code, &begun.state, "").await
    }

    async fn csrf_token(&mut self, server: &Server) -> String {
        let session = self.send(server, "GET", "/auth/session", &[]).await;
        assert_eq!(session.status, 200, "{}", session.body);
        assert_eq!(session.headers["cache-control"], "no-store");
        session.body["csrfToken"].as_str().unwrap().to_owned()
    }
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(other, _)| other == name)
        .unwrap_or_else(|| panic!("{url} has no {name}"))
        .1
        .into_owned()
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default())
}

fn client(issuers: &[&TestIssuer]) -> LoginClient {
    let issuers: Vec<_> = issuers.iter().map(|issuer| issuer.issuer_with_client()).collect();
    LoginClient::new(LoginIssuers::new(&issuers).unwrap(), PUBLIC_URL.parse().unwrap())
}

async fn start(pool: &PgPool) -> Server {
    let server = Server::start(pool).await;
    server.add_users(pool).await;
    let (login, verifier) = (client(&[&server.issuer]), server.issuer.verifier());
    server.with_login(login, verifier)
}

/// A person logs in, reads with the cookie alone, changes something with the token of the session only, and logs out.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_person_logs_in_and_out(pool: PgPool) {
    let server = start(&pool).await;
    let mut browser = Browser::default();
    let begun = browser.begin(&server, "?returnTo=/runs?status=FAILED").await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://copilot.acme.example/auth/callback"),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&begun.url, name), value);
    }
    let answer = server.issuer.grant(&begun.url, &json!({"sub": "anna"}));
    let finished = browser.finish(&server, &answer, &begun.state, &server.issuer.url).await;
    assert_eq!(finished.status, 303, "{}", finished.body);
    assert_eq!(finished.headers["location"], "/runs?status=FAILED");
    assert_eq!(finished.headers["referrer-policy"], "no-referrer");
    assert!(browser.has(SESSION) && !browser.has(ATTEMPT));
    let me = browser.send(&server, "GET", "/v1/me", &[]).await;
    assert_eq!((me.status, &me.body["email"]), (200, &json!("Anna@acme.example")), "{}", me.body);
    let body = json!({"email": "dora@acme.example", "roles": ["viewer"]});
    let mut create = async |headers: &[(&str, &str)]| {
        browser.send_body(&server, "POST", "/v1/users", headers, &body).await
    };
    assert_eq!(code(&create(&[]).await), (403, "csrf_token_invalid"));
    assert_eq!(code(&create(&[("x-csrf-token", "x")]).await), (403, "csrf_token_invalid"));
    assert_eq!(
        code(&create(&[("authorization", "Bearer x")]).await),
        (401, "invalid_token"),
        "the token decides"
    );
    let mut other = Browser::default();
    assert_eq!(other.log_in(&server, "bob").await.status, 303);
    let foreign = other.csrf_token(&server).await;
    assert_eq!(code(&create(&[("x-csrf-token", &foreign)]).await), (403, "csrf_token_invalid"));
    let token = browser.csrf_token(&server).await;
    let created = browser.send_body(&server, "POST", "/v1/users", &[("x-csrf-token", &token)], &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let query = json!({"query": "{ viewer { email } }"});
    let graphql = browser.send_body(&server, "POST", "/graphql", &[], &query).await;
    assert_eq!(code(&graphql), (403, "csrf_token_invalid"));
    let graphql = browser.send_body(&server, "POST", "/graphql", &[("x-csrf-token", &token)], &query).await;
    assert_eq!(graphql.status, 200, "{}", graphql.body);
    // Another site can open a WebSocket, which browsers permit, but not with this session.
    let upgrade = [("upgrade", "websocket"), ("origin", "https://evil.example")];
    assert_eq!(code(&browser.send(&server, "GET", "/v1/me", &upgrade).await), (403, "csrf_token_invalid"));
    let stolen = browser.clone();
    assert_eq!(code(&browser.send(&server, "POST", "/auth/logout", &[]).await), (403, "csrf_token_invalid"));
    let out = browser.send(&server, "POST", "/auth/logout", &[("x-csrf-token", &token)]).await;
    assert_eq!((out.status, browser.has(SESSION)), (204, false), "{}", out.body);
    for mut browser in [browser, stolen] {
        assert_eq!(browser.send(&server, "GET", "/v1/me", &[]).await.status, 401);
    }
    let stored: Vec<String> =
        sqlx::query_scalar("select s::text from sessions s").fetch_all(&pool).await.unwrap();
    let secrets = other.cookies.iter().map(|(_, value)| value);
    assert!(secrets.clone().all(|secret| stored.iter().all(|row| !row.contains(secret.as_str()))));
    let events = server.get("acme", "owner", "/v1/audit-events?sort=createdAt").await;
    let events = events.body["data"].as_array().unwrap();
    let operations: Vec<_> = events.iter().map(|event| event["operation"].as_str().unwrap()).collect();
    assert!(
        operations.contains(&"user.login") && operations.contains(&"POST /auth/logout"),
        "{operations:?}"
    );
}

/// A login sends the browser to no other server.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_login_is_no_open_redirect(pool: PgPool) {
    let server = start(&pool).await;
    for path in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "%2F%2Fevil.example",
        "/%09/evil.example",
        "evil",
    ] {
        let answer = server.anonymous(&format!("/auth/login?returnTo={path}")).await;
        assert_eq!(code(&answer), (400, "invalid_parameter"), "{path}");
    }
    // The cookie with the path belongs to the browser; a changed one is not believed either.
    let mut browser = Browser::default();
    let begun = browser.begin(&server, "").await;
    let engine = &base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let cookie = base64::Engine::decode(engine, &browser.cookies[0].1).unwrap();
    let mut attempt: Value = serde_json::from_slice(&cookie).unwrap();
    attempt["return_to"] = json!("//evil.example");
    browser.cookies[0].1 = base64::Engine::encode(engine, attempt.to_string());
    let grant = server.issuer.grant(&begun.url, &json!({"sub": "anna"}));
    assert_eq!(code(&browser.finish(&server, &grant, &begun.state, "").await), (400, "login_failed"));
}

/// An answer is accepted once, in the browser that has begun the login, for its state, nonce and issuer.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn answers_of_others_are_refused(pool: PgPool) {
    let server = start(&pool).await;
    let grant = |begun: &Begun, claims: Value| server.issuer.grant(&begun.url, &claims);
    // Login CSRF: the attacker finishes its own login in the browser of somebody else, who has begun one or none.
    let mut attacker = Browser::default();
    let begun = attacker.begin(&server, "").await;
    let stolen = grant(&begun, json!({"sub": "bob"}));
    let mut victim = Browser::default();
    assert_eq!(code(&victim.finish(&server, &stolen, &begun.state, "").await), (400, "login_failed"));
    let own = victim.begin(&server, "").await;
    assert_eq!(code(&victim.finish(&server, &stolen, &begun.state, "").await), (400, "login_failed"));
    assert!(!victim.has(SESSION) && !victim.has(ATTEMPT), "a failed login is begun again");
    // A code of another login is exchanged by nobody: the verifier is another one.
    let mut victim = Browser::default();
    let own_again = victim.begin(&server, "").await;
    assert_ne!(own.state, own_again.state);
    let answer = victim.finish(&server, &stolen, &own_again.state, "").await;
    assert_eq!(code(&answer), (400, "login_failed"), "{}", answer.body);
    for state in ["", "x"] {
        let mut browser = Browser::default();
        let begun = browser.begin(&server, "").await;
        let code_of = grant(&begun, json!({"sub": "anna"}));
        assert_eq!(code(&browser.finish(&server, &code_of, state, "").await), (400, "login_failed"));
    }
    // The ID token belongs to another login, another client or another person's issuer, or has expired.
    for claims in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "another"}),
        json!({"aud": [CLIENT_ID, "another"]}),
        json!({"azp": "another"}),
        json!({"iss": "https://elsewhere.example"}),
        json!({"exp": 1_000_000_000}),
        json!({"sub": null}),
        json!({"email": null}),
    ] {
        let mut browser = Browser::default();
        let begun = browser.begin(&server, "").await;
        let mut all = json!({"sub": "anna"});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let answer = grant(&begun, all);
        let answer = browser.finish(&server, &answer, &begun.state, "").await;
        assert_eq!(code(&answer), (400, "login_failed"), "{claims}: {}", answer.body);
        assert!(!browser.has(SESSION), "{claims}");
    }
    // A callback that is repeated makes no second session, even if the browser has the old cookie and the issuer a new code.
    let mut browser = Browser::default();
    let begun = browser.begin(&server, "").await;
    let mut replaying = browser.clone();
    let first = grant(&begun, json!({"sub": "anna"}));
    assert_eq!(browser.finish(&server, &first, &begun.state, "").await.status, 303);
    assert_eq!(
        code(&replaying.clone().finish(&server, &first, &begun.state, "").await),
        (400, "login_failed")
    );
    let second = grant(&begun, json!({"sub": "anna"}));
    let replayed = replaying.finish(&server, &second, &begun.state, "").await;
    assert_eq!(code(&replayed), (400, "login_failed"), "{}", replayed.body);
    assert!(replayed.body["detail"].as_str().unwrap().contains("used already"), "{}", replayed.body);
}

/// With several issuers, the answer of one is never taken for that of another.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn issuers_are_not_mixed_up(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_users(&pool).await;
    let evil = TestIssuer::start().await;
    let (login, verifier) = (client(&[&server.issuer, &evil]), server.issuer.verifier_with(&evil));
    let server = server.with_login(login, verifier);
    assert_eq!(
        code(&server.anonymous("/auth/login").await),
        (400, "invalid_parameter"),
        "it is not clear which issuer"
    );
    assert_eq!(
        code(&server.anonymous("/auth/login?issuer=https://x.example").await),
        (400, "invalid_parameter")
    );
    let at = |issuer: &TestIssuer| format!("?issuer={}", issuer.url);
    // The browser goes to the honest issuer, whose answer the other one claims to be its own, or the reverse.
    let mut browser = Browser::default();
    let begun = browser.begin(&server, &at(&server.issuer)).await;
    let honest = server.issuer.grant(&begun.url, &json!({"sub": "anna"}));
    let mixed = browser.finish(&server, &honest, &begun.state, &evil.url).await;
    assert_eq!(code(&mixed), (400, "login_failed"));
    let mut browser = Browser::default();
    let begun = browser.begin(&server, &at(&evil)).await;
    let token_of_evil = evil.grant(&begun.url, &json!({"sub": "anna", "iss": server.issuer.url}));
    let forged = browser.finish(&server, &token_of_evil, &begun.state, "").await;
    assert_eq!(code(&forged), (400, "login_failed"), "{}", forged.body);
    // The same subject at another issuer is another person.
    let mut browser = Browser::default();
    let begun = browser.begin(&server, &at(&evil)).await;
    let stranger =
        evil.grant(&begun.url, &json!({"sub": "anna", "smb_tenant": "globex", "smb_roles": ["viewer"]}));
    assert_eq!(browser.finish(&server, &stranger, &begun.state, &evil.url).await.status, 303);
    let me = browser.send(&server, "GET", "/v1/me", &[]).await;
    assert_eq!(me.body["tenant"]["slug"], "globex", "{}", me.body);
}

/// The session of a user ends with its deactivation, also if the user is reactivated, and after a time without requests.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn sessions_end(pool: PgPool) {
    let server = start(&pool).await;
    let mut browser = Browser::default();
    assert_eq!(browser.log_in(&server, "bob").await.status, 303);
    let path = format!("/v1/users/{BOB}/deactivation");
    for method in ["PUT", "DELETE"] {
        assert_eq!(server.request("acme", "owner", method, &path).await.status, 200);
    }
    let replica = server.replica(&pool).await;
    assert_eq!(browser.send(&replica, "GET", "/v1/me", &[]).await.status, 401);
    for change in ["last_used_at = now() - interval '61 minutes'", "expires_at = now() - interval '1 second'"]
    {
        let mut browser = Browser::default();
        assert_eq!(browser.log_in(&server, "anna").await.status, 303);
        let mut update = sqlx::QueryBuilder::new(format!("update sessions set {change}"));
        update.build().execute(&pool).await.unwrap();
        let replica = server.replica(&pool).await;
        assert_eq!(
            code(&browser.send(&replica, "GET", "/v1/me", &[]).await),
            (401, "invalid_token"),
            "{change}"
        );
    }
    // Another tenant sees none of it, and a cookie that nobody has is refused alike.
    let mut unknown = Browser { cookies: vec![(SESSION.to_owned(), "A".repeat(43))] };
    assert_eq!(code(&unknown.send(&server, "GET", "/v1/me", &[]).await), (401, "invalid_token"));
    // Roles of the platform are not part of a session.
    let mut olga = Browser::default();
    let begun = olga.begin(&server, "").await;
    let claims = json!({"sub": "olga", "smb_tenant": "acme", "smb_roles": ["viewer", "platform-admin"]});
    let grant = server.issuer.grant(&begun.url, &claims);
    assert_eq!(olga.finish(&server, &grant, &begun.state, "").await.status, 303);
    assert_eq!(code(&olga.send(&server, "GET", "/v1/tenants", &[]).await), (403, "forbidden"));
    assert_eq!(olga.send(&server, "GET", "/v1/workflows", &[]).await.status, 200);
}

/// Without a client at an issuer, there are no logins, and cookies mean nothing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn logins_are_off_by_default(pool: PgPool) {
    let server = Server::start(&pool).await;
    for path in ["/auth/login", "/auth/callback?code=x&state=x"] {
        assert_eq!(code(&server.anonymous(path).await), (409, "login_not_configured"), "{path}");
    }
    assert_eq!(
        code(&server.get("acme", "viewer", "/auth/session").await),
        (400, "session_required"),
        "no cookie"
    );
}
