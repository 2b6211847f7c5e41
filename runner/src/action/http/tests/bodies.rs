//! Charsets, content codings and headers of responses.

use std::io::Write as _;

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, Method, Response as Answer, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};

use super::*;

/// `{"ok": true}` in each coding.
const CODINGS: [(&str, &str); 5] = [
    ("gzip", "H4sIAAAAAAAAA6tWys9WslIoKSpNrQUAxhmrFwwAAAA="),
    ("deflate", "eJyrVsrPVrJSKCkqTa0FABl3BDE="),
    ("deflate", "q1bKz1ayUigpKk2tBQA="),
    ("br", "iwWAeyJvayI6IHRydWV9Aw=="),
    ("zstd", "KLUv/QRYYQAAeyJvayI6IHRydWV9WADauA=="),
];
/// One MiB of zero bytes in each coding.
const BOMBS: [(&str, &str); 2] = [
    ("br", "W///j38CIB4LBHLvHwA="),
    ("zstd", "KLUv/QRoTAAACAABAPz/ORACAgAQAAIAEAACABAAAgAQAAIAEAACABAAAwAQAPE+FuE="),
];
/// Frames whose window is larger than a server may require: one GiB and 128 MiB.
const LARGE_WINDOWS: [(&str, &str); 2] =
    [("br", "ER4WAAJ7Im9rIjogdHJ1ZX0D"), ("zstd", "KLUv/QSIRQAACAABAOQrIARaB0R5")];

fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns status, `Content-Type`, `Content-Encoding` and body of a response.
fn answer(name: &str) -> (u16, &'static str, &'static str, Vec<u8>) {
    const JSON: &str = "application/json";
    if let Some((kind, index)) = name.split_once('-') {
        let table = match kind {
            "coding" => CODINGS.as_slice(),
            "bomb" => BOMBS.as_slice(),
            _ => LARGE_WINDOWS.as_slice(),
        };
        let (coding, body) = table[index.parse::<usize>().unwrap()];
        return (200, JSON, coding, base64(body));
    }
    match name {
        "latin1" => (200, "application/json;charset=ISO-8859-1", "", b"{\"name\": \"K\xe4se\"}".to_vec()),
        "cp1252" => (200, "text/plain; Charset=\"windows-1252\"", "", b"10 \x80".to_vec()),
        "utf16" => (200, "text/plain; charset=utf-16", "", vec![0xfe, 0xff, 0x20, 0xac]),
        "bom" => (200, JSON, "", b"\xef\xbb\xbf{\"ok\": true}".to_vec()),
        "unknown" => (200, "text/plain; charset=ebcdic", "", b"x".to_vec()),
        "malformed" => (200, "text/plain", "", b"K\xe4se".to_vec()),
        "twice" => (200, JSON, "gzip, gzip", gzip(&gzip(b"{\"ok\": true}"))),
        "often" => (200, JSON, "gzip, gzip, gzip, gzip, gzip", gzip(b"1")),
        "chunked" => (200, JSON, "aws-chunked", b"{\"ok\": true}".to_vec()),
        "zeros" => (200, JSON, "gzip", gzip(&vec![0; 1 << 20])),
        "exact" => (200, "text/plain", "gzip", gzip(&[b'x'; 1024])),
        "corrupt" => (200, JSON, "gzip", b"not gzip at all".to_vec()),
        "failed" => (502, JSON, "gzip", b"not gzip at all".to_vec()),
        "empty" => (200, JSON, "gzip", Vec::new()),
        _ => (204, "text/plain", "", Vec::new()),
    }
}

/// Responds with the named response. Every response has three cookies and two warnings, one of them in ISO-8859-1.
pub(super) async fn respond(method: Method, Path(name): Path<String>) -> Answer<Body> {
    let (status, media_type, coding, body) = answer(&name);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if !coding.is_empty() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    for cookie in ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2"] {
        headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    }
    headers.append("x-note", HeaderValue::from_static("one"));
    headers.append("x-note", HeaderValue::from_bytes(b"K\xe4se").unwrap());
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    let mut response = Answer::new(body);
    *response.headers_mut() = headers;
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

async fn body_of(name: &str) -> Value {
    get_as(&format!("/body/{name}"), None).await.unwrap().body
}

/// A text is decoded by the charset that the response names, or by its byte order mark.
#[tokio::test]
async fn texts_are_decoded_by_their_charset() {
    assert_eq!(body_of("latin1").await, json!({"name": "Käse"}));
    assert_eq!(body_of("cp1252").await, json!("10 €"));
    assert_eq!(body_of("utf16").await, json!("€"));
    assert_eq!(body_of("bom").await, json!({"ok": true}));
}

/// A body that is not a text in its charset is refused, and can be read as base64.
#[tokio::test]
async fn malformed_texts_are_refused() {
    let refused = async |name: &str| {
        let error = get_as(&format!("/body/{name}"), None).await.unwrap_err().into_step_error();
        assert_eq!(error.code, "HTTP_BODY");
        error.message
    };
    assert!(refused("malformed").await.contains("UTF-8"));
    assert!(refused("unknown").await.contains("\"ebcdic\""));
    assert_eq!(get_as("/body/malformed", Some(HttpResponse::Bytes)).await.unwrap().body, json!("S+RzZQ=="));
}

/// A compressed body is decoded, also if it is compressed twice. An unknown coding is left alone.
#[tokio::test]
async fn compressed_bodies_are_decoded() {
    for (index, (coding, _)) in CODINGS.iter().enumerate() {
        assert_eq!(body_of(&format!("coding-{index}")).await, json!({"ok": true}), "{coding}");
    }
    assert_eq!(body_of("twice").await, json!({"ok": true}));
    assert_eq!(body_of("chunked").await, json!({"ok": true}));
    let bytes = get_as("/body/coding-0", Some(HttpResponse::Bytes)).await.unwrap().body;
    assert_eq!(bytes, json!(STANDARD.encode(b"{\"ok\": true}")));
}

/// The size limit applies to the decoded body, so that a small response cannot exhaust the runner's memory.
#[tokio::test]
async fn the_limit_applies_to_the_decoded_body() {
    assert_eq!(body_of("exact").await, json!("x".repeat(1024)));
    for name in ["zeros", "bomb-0", "bomb-1"] {
        let refused = get_as(&format!("/body/{name}"), None).await;
        assert!(matches!(refused, Err(HttpError::TooLarge { limit: 1024 })), "{name}: {refused:?}");
    }
    for name in ["window-0", "window-1", "often", "corrupt"] {
        let refused = get_as(&format!("/body/{name}"), None).await;
        assert!(matches!(refused, Err(HttpError::Decode { .. })), "{name}: {refused:?}");
    }
    assert_eq!(get_as("/body/failed", None).await.unwrap().status, 502);
}

/// A response without a body has the body null in every format.
#[tokio::test]
async fn an_empty_body_is_null() {
    for format in [None, Some(HttpResponse::Json), Some(HttpResponse::Text), Some(HttpResponse::Bytes)] {
        assert_eq!(get_as("/body/204", format).await.unwrap().body, Value::Null);
        assert_eq!(get_as("/body/empty", format).await.unwrap().body, Value::Null);
    }
    let target = serve().await;
    let request =
        domain::run::HttpRequest { method: HttpMethod::Head, ..rendered(&target, "/body/coding-0") };
    let response = send_to(parse(request), &target).await.unwrap();
    assert_eq!((response.status, response.body), (200, Value::Null));
}

/// No value of a repeated header is lost.
#[tokio::test]
async fn all_values_of_a_repeated_header_are_returned() {
    let output = get_as("/body/bom", None).await.unwrap().into_output();
    let first = "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT";
    assert_eq!(output["headers"]["set-cookie"], first);
    assert_eq!(output["headerValues"]["set-cookie"], json!([first, "b=2"]));
    assert_eq!(output["headers"]["x-note"], "one, Käse");
    assert_eq!(output["headerValues"]["x-note"], json!(["one", "Käse"]));
}
