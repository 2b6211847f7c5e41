//! Conversion of a step's rendered fields into an HTTP request.

use std::{collections::BTreeMap, str::FromStr as _};

use crds::workflow::{HttpMethod, HttpResponse};
use domain::workflow::{HttpBody, HttpCredentials};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::Value;
use telemetry::trace::TraceContext;
use url::Url;

use crate::{
    action::http::{errors::HttpError, header_value, tls::Tls},
    secrets::Secrets,
};

/// Header by which a service recognizes a repeated request.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Header by which a service continues the trace of the run (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const USER_AGENT_PRODUCT: &str = concat!("smb-copilot/", env!("CARGO_PKG_VERSION"));

/// Validated request. It contains credentials and therefore does not implement `Debug`.
#[derive(Clone)]
pub(in crate::action) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Option<HttpBody<Value>>,
    pub(super) credentials: Option<HttpCredentials<String>>,
    pub(super) tls: Tls,
    /// Format in which the response's body is read; `None` selects it by the media type.
    pub(super) response: Option<HttpResponse>,
    /// Maximum size of the response's body in bytes.
    pub(super) max_response_bytes: u64,
}

impl Request {
    /// Validates the rendered fields. Headers of the step take precedence over those added here.
    ///
    /// # Errors
    /// Returns an error if the URL, a header, the credentials or a TLS secret is invalid.
    pub(in crate::action) fn parse(
        rendered: domain::run::HttpRequest,
        (idempotency_key, span): (&str, TraceContext),
        secrets: &Secrets,
    ) -> Result<Self, HttpError> {
        let domain::run::HttpRequest {
            method,
            url,
            headers: own,
            query,
            body,
            credentials,
            max_response_bytes,
            response,
            tls,
        } = rendered;
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_PRODUCT));
        if let Ok(traceparent) = HeaderValue::try_from(span.to_string()) {
            headers.insert(TRACEPARENT, traceparent);
        }
        headers.insert(IDEMPOTENCY_KEY, header_value::parse("idempotency-key", idempotency_key, secrets)?);
        if let Some(HttpBody::Text(_)) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        for (name, text) in &own {
            let parsed = HeaderName::from_str(name)
                .map_err(|_| HttpError::Request { reason: format!("{name:?} is not a valid header name") })?;
            headers.insert(parsed, header_value::parse(&format!("the header {name}"), text, secrets)?);
        }
        let credentials =
            credentials.map(|credentials| parse_credentials(credentials, secrets)).transpose()?;
        let method = self::method(method);
        let url = Url::parse(&url).map_err(|error| HttpError::Url { url, reason: error.to_string() })?;
        let tls = Tls::parse(tls.ca.as_deref(), tls.client.as_deref(), secrets)?;
        Ok(Self { method, url, headers, query, body, credentials, tls, response, max_response_bytes })
    }

    /// Returns method and URL for the step's log, without the query, which may contain secrets.
    pub(in crate::action) fn summary(&self) -> String {
        let (origin, path) = (self.url.origin().ascii_serialization(), self.url.path());
        format!("{} {origin}{path}", self.method)
    }
}

const fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
    }
}

/// Returns the request in the form of the HTTP client.
pub(super) fn build(client: &Client, request: &Request) -> RequestBuilder {
    let Request {
        method,
        url,
        headers,
        query,
        body,
        credentials,
        tls: _,
        response: _,
        max_response_bytes: _,
    } = request;
    let mut builder = client.request(method.clone(), url.clone());
    if !query.is_empty() {
        builder = builder.query(query);
    }
    builder = match body {
        None => builder,
        Some(HttpBody::Json(value)) => builder.json(value),
        Some(HttpBody::Form(fields)) => builder.form(fields),
        Some(HttpBody::Text(Value::String(text))) => builder.body(text.clone()),
        Some(HttpBody::Text(other)) => builder.body(other.to_string()),
    };
    builder = match credentials {
        None => builder,
        Some(HttpCredentials::Bearer(token)) => builder.bearer_auth(token),
        Some(HttpCredentials::Basic { username, password }) => builder.basic_auth(username, Some(password)),
    };
    builder.headers(headers.clone())
}

/// Returns the credentials without line breaks at their ends.
fn parse_credentials(
    credentials: HttpCredentials<String>,
    secrets: &Secrets,
) -> Result<HttpCredentials<String>, HttpError> {
    Ok(match credentials {
        HttpCredentials::Bearer(token) => {
            header_value::parse("auth.bearer", &token, secrets)?;
            HttpCredentials::Bearer(header_value::without_final_line_break(&token).to_owned())
        }
        HttpCredentials::Basic { username, password } => HttpCredentials::Basic {
            username: header_value::parse_credential("auth.basic.username", &username, secrets)?,
            password: header_value::parse_credential("auth.basic.password", &password, secrets)?,
        },
    })
}
