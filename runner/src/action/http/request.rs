//! From a step's rendered fields to a request.

use std::{collections::BTreeMap, str::FromStr as _};

use crds::workflow::{HttpMethod, HttpResponse};
use domain::workflow::{HttpBody, HttpCredentials};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::Value;
use url::Url;

use crate::{
    action::http::{HttpError, tls::Tls},
    secrets::Secrets,
};

/// The header that lets a service recognise a repetition.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PRODUCT: &str = concat!("smb-copilot/", env!("CARGO_PKG_VERSION"));

/// A request, checked. Credentials are in it: it has no `Debug`.
#[derive(Clone)]
pub(in crate::action) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Option<HttpBody<Value>>,
    pub(super) credentials: Option<HttpCredentials<String>>,
    pub(super) tls: Tls,
    /// How the answer's body is read; `None`: by its media type.
    pub(super) response: Option<HttpResponse>,
    /// In bytes.
    pub(super) max_response_bytes: u64,
}

impl Request {
    /// Checks what the templates gave. A header of the step's own beats ours.
    pub(in crate::action) fn parse(
        rendered: domain::run::Request,
        idempotency_key: &str,
        secrets: &Secrets,
    ) -> Result<Self, HttpError> {
        let domain::run::Request {
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
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(IDEMPOTENCY_KEY, value("idempotency-key", idempotency_key)?);
        if let Some(HttpBody::Text(_)) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        for (name, text) in &own {
            let parsed = HeaderName::from_str(name)
                .map_err(|_| HttpError::Request { reason: format!("{name:?} is no name of a header") })?;
            headers.insert(parsed, value(name, text)?);
        }
        let method = self::method(method);
        let url = Url::parse(&url).map_err(|error| HttpError::Url { url, reason: error.to_string() })?;
        let tls = Tls::parse(tls.ca.as_deref(), tls.client.as_deref(), secrets)?;
        Ok(Self { method, url, headers, query, body, credentials, tls, response, max_response_bytes })
    }

    /// For the step's log: without the query, which may hold secrets.
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

fn value(name: &str, text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_str(text).map_err(|_| HttpError::Request {
        reason: format!("the value of header {name} has characters that no header may have"),
    })
}
