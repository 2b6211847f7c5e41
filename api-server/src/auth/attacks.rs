//! Attacks with tokens, besides those of the tests in `token.rs`: none of them is accepted, and none makes the api-server send a request
//! that the configuration does not name.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use futures::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{
    Issuer, TokenError,
    testing::{TestIssuer, verifier},
};

/// Permitted difference of clocks, in seconds, as it is documented.
const SKEW: i64 = 30;
/// Tolerance of the tests for their own duration, in seconds.
const TOLERANCE: i64 = 10;

fn encoded(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

async fn error(issuer: &TestIssuer, token: &str) -> TokenError {
    match issuer.verifier().verify(token).await {
        Ok(claims) => panic!("accepted {token}: {claims:?}"),
        Err(error) => error,
    }
}

/// A token without a signature is refused, however the algorithm `none` is written, and whatever the signature is.
#[tokio::test]
async fn unsigned_tokens_are_refused() {
    let issuer = TestIssuer::start().await;
    let claims = encoded(&issuer.claims(&json!({})).to_string());
    let signature = issuer.token("acme", "owner").rsplit('.').next().unwrap().to_owned();
    for alg in ["none", "None", "NONE", "nOnE", "", "null"] {
        let header = encoded(&json!({"alg": alg, "typ": "JWT", "kid": "one"}).to_string());
        for end in [".", "", &format!(".{signature}"), ".AA"] {
            let error = error(&issuer, &format!("{header}.{claims}{end}")).await;
            assert!(matches!(error, TokenError::Malformed { .. }), "{alg} {end}: {error}");
        }
    }
    let signed = encoded(r#"{"alg":"EdDSA","kid":"one"}"#);
    for end in [".", ".AA", &format!(".{}", "A".repeat(86))] {
        error(&issuer, &format!("{signed}.{claims}{end}")).await;
    }
}

/// What an issuer publishes is never a secret with which tokens can be signed: not the bytes of its key, nor any text of it.
#[tokio::test]
async fn a_published_key_is_no_secret() {
    let issuer = TestIssuer::start().await;
    let claims = issuer.claims(&json!({}));
    let jwk = issuer.published()[0].clone();
    let text = jwk["x"].as_str().unwrap();
    let secrets = [
        URL_SAFE_NO_PAD.decode(text).unwrap(),
        text.as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        Vec::new(),
    ];
    for secret in secrets {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some("one".to_owned()), ..Header::new(algorithm) };
            let forged = encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
            assert!(matches!(error(&issuer, &forged).await, TokenError::Algorithm));
            // The same signature with the header of a genuine token.
            let (_, rest) = forged.split_once('.').unwrap();
            let genuine = encoded(r#"{"alg":"EdDSA","kid":"one"}"#);
            let error = error(&issuer, &format!("{genuine}.{rest}")).await;
            assert!(matches!(error, TokenError::Refused { .. }), "{error}");
        }
    }
}

/// A token does not bring its own key: neither in the header, nor by a URL, nor by the ID of one.
#[tokio::test]
async fn a_token_does_not_choose_its_key() {
    let (issuer, attacker) = (TestIssuer::start().await, TestIssuer::start().await);
    let claims = issuer.claims(&json!({}));
    let verifier = issuer.verifier();
    verifier.verify(&issuer.token("acme", "viewer")).await.unwrap();
    let (jwk, url) = (attacker.published()[0].clone(), attacker.url.clone());
    let headers = [
        json!({"jwk": jwk}),
        json!({"jku": format!("{url}/keys")}),
        json!({"x5u": format!("{url}/keys")}),
        json!({"x5c": ["MIIB"]}),
        json!({"jwk": jwk, "jku": format!("{url}/keys"), "kid": "zero"}),
        json!({"kid": format!("{url}/keys")}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "/dev/null"}),
        json!({"kid": "one' or '1'='1"}),
        json!({"kid": "one\u{0}two"}),
        json!({"kid": "one "}),
        json!({"kid": "ONE"}),
        json!({"kid": "$(id)"}),
        json!({"kid": "k".repeat(4_000)}),
        json!({"kid": ""}),
        json!({"kid": null}),
        json!({"kid": 1}),
        json!({"kid": ["one"]}),
    ];
    for header in headers {
        let forged = attacker.sign_with_header(&header, &claims);
        assert!(verifier.verify(&forged).await.is_err(), "{header}");
    }
    assert_eq!(attacker.fetches(), 0, "no key of the attacker is fetched");
    assert!(verifier.verify(&issuer.token("acme", "viewer")).await.is_ok());
}

/// Tokens that are too long, or not even tokens, are refused before anything is fetched or verified.
#[tokio::test]
async fn huge_and_malformed_tokens_are_refused_at_once() {
    let issuer = TestIssuer::start().await;
    let padded = |letters: usize| issuer.sign(&issuer.claims(&json!({"padding": "x".repeat(letters)})));
    let fits = padded(5_000);
    assert!(fits.len() < 8 * 1024);
    let verifier = issuer.verifier();
    verifier.verify(&fits).await.unwrap();
    let fetches = issuer.fetches();
    let nested = format!("{}1{}", "[".repeat(2_500), "]".repeat(2_500));
    let tokens = [
        padded(8_000),
        padded(2_000_000),
        ".".repeat(8_000),
        "a".repeat(8_000),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        "\u{0}.\u{0}.\u{0}".to_owned(),
        "ä.ö.ü".to_owned(),
        format!("{}.{}.AA", encoded(&nested), encoded(&nested)),
        format!("{}.{}.AA", encoded(r#"{"alg":"EdDSA","kid":"one"}"#), encoded(&nested)),
        format!("{}.{}.AA", encoded(r#"{"alg":["EdDSA"]}"#), encoded("{}")),
        format!("{fits}.{fits}"),
        format!("{fits}."),
        format!(" {}", issuer.token("acme", "viewer")),
    ];
    for token in tokens {
        let error = verifier.verify(&token).await.unwrap_err();
        let start: String = token.chars().take(40).collect();
        assert!(
            matches!(error, TokenError::Malformed { .. } | TokenError::Refused { .. }),
            "{start}: {error}"
        );
    }
    assert_eq!(issuer.fetches(), fetches);
}

/// Clocks may differ by 30 seconds in both directions, and by no more.
#[tokio::test]
async fn clocks_may_differ_by_thirty_seconds() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier();
    for (claim, offset, is_accepted) in [
        ("exp", TOLERANCE - SKEW, true),
        ("exp", -SKEW - 1, false),
        ("nbf", SKEW - TOLERANCE, true),
        ("nbf", SKEW + TOLERANCE, false),
        ("iat", SKEW - TOLERANCE, true),
        ("iat", SKEW + TOLERANCE, false),
    ] {
        let now = telemetry::clock::now().as_second();
        let token = issuer.sign(&issuer.claims(&json!({claim: now + offset})));
        assert_eq!(verifier.verify(&token).await.is_ok(), is_accepted, "{claim} {offset}");
    }
    for (others, is_accepted) in [
        // Numbers in which a careless comparison overflows.
        (json!({"exp": i64::MAX}), true),
        (json!({"exp": i64::MIN}), false),
        (json!({"nbf": i64::MAX}), false),
        (json!({"exp": 1e300}), false),
        (json!({"exp": "9999999999"}), false),
        (json!({"exp": true}), false),
    ] {
        let token = issuer.sign(&issuer.claims(&others));
        assert_eq!(verifier.verify(&token).await.is_ok(), is_accepted, "{others}");
    }
}

/// An issuer is its exact name, with its own audience: no other spelling is it, and its keys are not taken from a document that names
/// another issuer.
#[tokio::test]
async fn issuers_are_not_mixed_up() {
    let (one, other) = (TestIssuer::start().await, TestIssuer::start().await);
    let of_other = Issuer { audience: "another audience".to_owned(), ..other.issuer() };
    let both = verifier(vec![one.issuer(), of_other]);
    both.verify(&one.token("acme", "viewer")).await.unwrap();
    let for_other = |issuer: &TestIssuer| issuer.sign(&issuer.claims(&json!({"aud": "another audience"})));
    both.verify(&for_other(&other)).await.unwrap();
    // The audience of one issuer is not that of the other.
    assert!(matches!(both.verify(&for_other(&one)).await, Err(TokenError::Refused { .. })));
    assert!(both.verify(&other.token("acme", "viewer")).await.is_err());
    for iss in [
        format!("{}/", one.url),
        one.url.to_uppercase(),
        format!("{} ", one.url),
        one.url.replace("127.0.0.1", "localhost"),
        format!("{}@{}", one.url, "evil.example"),
        String::new(),
    ] {
        let forged = one.sign(&one.claims(&json!({"iss": iss})));
        assert!(matches!(both.verify(&forged).await, Err(TokenError::UnknownIssuer)), "{iss}");
    }
    for iss in [json!([one.url]), json!(null), json!(1)] {
        let forged = one.sign(&one.claims(&json!({"iss": iss})));
        assert!(both.verify(&forged).await.is_err(), "{iss}");
    }
    // The discovery document names the issuer without a slash at the end.
    let mistaken = Issuer { issuer: format!("{}/", one.url), ..one.issuer() };
    let token = one.sign(&one.claims(&json!({"iss": mistaken.issuer})));
    let refused = verifier(vec![mistaken]).verify(&token).await;
    assert!(matches!(refused, Err(TokenError::Key(_))), "{refused:?}");
}

/// A rotation of the keys under load fails no request: tokens of the old and of the new key are accepted at the same time, with one
/// fetch, and a withdrawn key is refused once the keys were fetched again.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_a_refused_request() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier();
    let old = |number: usize| issuer.sign(&issuer.claims(&json!({"sub": number.to_string()})));
    let new = |number: usize| issuer.sign_with_next_key(&issuer.claims(&json!({"sub": number.to_string()})));
    verifier.verify(&old(0)).await.unwrap();
    issuer.rotate();
    verifier.expire_keys(&issuer.url);
    let tokens: Vec<_> =
        (1..=60).map(|number| if number % 2 == 0 { old(number) } else { new(number) }).collect();
    let verified = join_all(tokens.iter().map(|token| verifier.verify(token))).await;
    let refused: Vec<_> = verified.into_iter().filter_map(Result::err).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert!((2..10).contains(&issuer.fetches()), "{} fetches", issuer.fetches());
    issuer.withdraw();
    verifier.expire_keys(&issuer.url);
    assert!(verifier.verify(&new(61)).await.is_ok());
    // The fetch is in the background, and the withdrawn key is accepted until it has ended.
    let deadline = telemetry::clock::now().as_second() + 50;
    let mut number = 62;
    while verifier.verify(&old(number)).await.is_ok() {
        assert!(telemetry::clock::now().as_second() < deadline);
        number += 1;
        tokio::task::yield_now().await;
    }
    assert!(verifier.verify(&new(number)).await.is_ok());
}

/// An issuer that hangs while its keys are due refuses nobody, and its withdrawn keys stay known rather than all of them being lost.
#[tokio::test]
async fn a_hanging_issuer_keeps_its_known_keys_under_load() {
    let issuer = TestIssuer::start().await;
    let verifier = issuer.verifier();
    verifier.verify(&issuer.token("acme", "viewer")).await.unwrap();
    issuer.hang();
    verifier.expire_keys(&issuer.url);
    let tokens: Vec<_> =
        (0..100).map(|number| issuer.sign(&issuer.claims(&json!({"sub": number.to_string()})))).collect();
    let verified = join_all(tokens.iter().map(|token| verifier.verify(token))).await;
    assert!(verified.iter().all(Result::is_ok));
}

/// Claims that are not of their type, or are given twice, name nobody else.
#[tokio::test]
async fn claims_are_read_as_what_they_are() {
    let issuer = TestIssuer::start().await;
    for others in [
        json!({"smb_tenant": ["acme", "globex"]}),
        json!({"smb_tenant": {"acme": true}}),
        json!({"smb_roles": "owner"}),
        json!({"smb_roles": [["owner"]]}),
        json!({"email": ["anna@acme.example"]}),
        json!({"aud": {}}),
        json!({"aud": ["another"]}),
    ] {
        let token = issuer.sign(&issuer.claims(&others));
        assert!(issuer.verifier().verify(&token).await.is_err(), "{others}");
    }
    // Which of two values counts differs between libraries: neither does.
    let claims: Value = issuer.claims(&json!({}));
    let doubled = claims.to_string().replacen('{', r#"{"smb_tenant":"acme","smb_tenant":"globex","#, 1);
    let header = encoded(r#"{"alg":"EdDSA","kid":"one"}"#);
    let message = format!("{header}.{}", encoded(&doubled));
    let signature = issuer.sign_text(&message);
    assert!(matches!(error(&issuer, &format!("{message}.{signature}")).await, TokenError::Malformed { .. }));
    let stranger = SigningKey::from_bytes(&rand::random());
    let signature = ed25519_dalek::Signer::sign(&stranger, message.as_bytes());
    let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    assert!(matches!(error(&issuer, &forged).await, TokenError::Refused { .. }));
}
