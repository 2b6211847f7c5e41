//! HTTP steps: a step that sends one request.

use std::collections::BTreeMap;

use crds::Quantity;
use crds::workflow::{HttpAction, HttpAuth, HttpMethod, HttpResponse, HttpTls as HttpTlsSpec, SecretRef};

use crate::expr::Program;
use crate::template::Template;
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

/// Maximum size of a response body for a step that sets no `maxResponseBytes`: 1 MiB.
const DEFAULT_RESPONSE_BYTES: u64 = 1 << 20;

/// An HTTP step that was parsed.
#[derive(Clone, Debug)]
pub struct Http {
    /// Method of the request.
    pub method: HttpMethod,
    /// Maximum size of the response body, in bytes.
    pub max_response_bytes: u64,
    /// Format of the response body; `None` = by its media type.
    pub response: Option<HttpResponse>,
    /// TLS certificates beyond the public certificate authorities.
    pub tls: HttpTls,
    pub(crate) url: Template,
    pub(crate) headers: BTreeMap<String, Template>,
    pub(crate) query: BTreeMap<String, Template>,
    pub(crate) body: Option<HttpBody<Template>>,
    pub(crate) credentials: Option<HttpCredentials<Template>>,
    pub(crate) success: Option<Program>,
}

/// Body of a request: templates in a workflow, JSON values once rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpBody<T> {
    /// JSON, sent as `application/json`.
    Json(T),
    /// Form fields by name, sent as `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, T>),
    /// Text, sent as `text/plain`.
    Text(T),
}

/// Credentials of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpCredentials<T> {
    /// A bearer token.
    Bearer(T),
    /// Basic authentication.
    Basic {
        /// User name.
        username: T,
        /// Password.
        password: T,
    },
}

/// TLS certificates beyond the public certificate authorities, by names in `spec.secrets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpTls {
    /// Secret with `ca.crt`: certificate authorities that are trusted in addition to the public ones.
    pub ca: Option<String>,
    /// Secret with `tls.crt` and `tls.key`: the client certificate.
    pub client: Option<String>,
}

/// Parses an HTTP step; returns `None` if it has a problem.
pub(super) fn parse(
    path: &str,
    spec: &HttpAction,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Option<Http> {
    let HttpAction {
        method,
        url,
        headers,
        query,
        json: _,
        form: _,
        text: _,
        auth,
        tls,
        success,
        max_response_bytes,
        response,
    } = spec;
    let tls = parse_tls(&format!("{path}.tls"), tls.as_ref(), scope, problems);
    check_url(&format!("{path}.url"), url, problems);
    let url = problems.text_template(&format!("{path}.url"), url, &scope);
    let headers = problems.text_templates(&format!("{path}.headers"), headers, &scope.with_secrets());
    let query = problems.text_templates(&format!("{path}.query"), query, &scope);
    let body = parse_body(path, spec, &scope, problems);
    let credentials = auth
        .as_ref()
        .map(|auth| parse_credentials(&format!("{path}.auth"), auth, &scope.with_secrets(), problems));
    let response_scope = scope.of_response(&["status", "headers", "body"]);
    let success =
        success.as_ref().map(|source| problems.program(&format!("{path}.success"), source, &response_scope));
    let bytes = parse_bytes(&format!("{path}.maxResponseBytes"), max_response_bytes.as_ref(), problems);
    Some(Http {
        method: method.unwrap_or_default(),
        max_response_bytes: bytes?,
        response: *response,
        tls,
        url: url?,
        headers: headers?,
        query: query?,
        body: transpose(body)?,
        credentials: transpose(credentials)?,
        success: transpose(success)?,
    })
}

fn parse_tls(path: &str, spec: Option<&HttpTlsSpec>, scope: Scope<'_>, problems: &mut Problems) -> HttpTls {
    let Some(HttpTlsSpec { ca_secret, client_secret }) = spec else { return HttpTls::default() };
    let mut parse_secret = |field: &str, secret: Option<&SecretRef>, keys: &[&str]| {
        let name = &secret?.name;
        for (code, message) in scope.violations_of_secret(name, keys) {
            problems.add(format!("{path}.{field}.name"), code, message);
        }
        Some(name.clone())
    };
    HttpTls {
        ca: parse_secret("caSecret", ca_secret.as_ref(), &["ca.crt"]),
        client: parse_secret("clientSecret", client_secret.as_ref(), &["tls.crt", "tls.key"]),
    }
}

/// Checks the scheme of a URL as far as it is literal; a scheme that comes from a template is checked when it
/// is rendered.
fn check_url(path: &str, url: &str, problems: &mut Problems) {
    let literal = url.split("${{").next().unwrap_or_default().to_ascii_lowercase();
    let is_template = literal.len() < url.len();
    let is_supported = ["http://", "https://"]
        .iter()
        .any(|scheme| literal.starts_with(scheme) || (is_template && scheme.starts_with(&literal)));
    if !is_supported {
        problems.add(
            path,
            "UrlScheme",
            "the URL must start with http:// or https://, or with a template that gives such a URL",
        );
    }
}

fn parse_body(
    path: &str,
    spec: &HttpAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Option<HttpBody<Template>>> {
    match (&spec.json, &spec.form, &spec.text) {
        (None, None, None) => None,
        (Some(json), None, None) => {
            Some(problems.template(&format!("{path}.json"), json, scope).map(HttpBody::Json))
        }
        (None, Some(form), None) => {
            Some(problems.text_templates(&format!("{path}.form"), form, scope).map(HttpBody::Form))
        }
        (None, None, Some(body)) => {
            Some(problems.text_template(&format!("{path}.text"), body, scope).map(HttpBody::Text))
        }
        _ => {
            problems.add(path, "ManyBodies", "set at most one of json, form and text");
            Some(None)
        }
    }
}

fn parse_credentials(
    path: &str,
    spec: &HttpAuth,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<HttpCredentials<Template>> {
    match (&spec.bearer, &spec.basic) {
        (Some(bearer), None) => {
            problems.text_template(&format!("{path}.bearer"), bearer, scope).map(HttpCredentials::Bearer)
        }
        (None, Some(basic)) => {
            let username = problems.text_template(&format!("{path}.basic.username"), &basic.username, scope);
            let password = problems.text_template(&format!("{path}.basic.password"), &basic.password, scope);
            Some(HttpCredentials::Basic { username: username?, password: password? })
        }
        _ => {
            problems.add(path, "ManyCredentials", "set exactly one of bearer and basic");
            None
        }
    }
}

fn parse_bytes(path: &str, quantity: Option<&Quantity>, problems: &mut Problems) -> Option<u64> {
    let Some(quantity) = quantity else { return Some(DEFAULT_RESPONSE_BYTES) };
    match quantity.to_milli().map(|milli| u64::try_from(milli / 1000)) {
        Ok(Ok(bytes)) => Some(bytes),
        Ok(Err(_)) => Some(u64::MAX),
        Err(error) => {
            problems.add(path, "QuantityInvalid", error.to_string());
            None
        }
    }
}

/// Converts an optional field that was parsed, where the inner `None` means that parsing failed: the result
/// is `None` if parsing failed, and `Some(None)` if the field is absent.
#[expect(clippy::option_option, reason = "absent, invalid and parsed are three states")]
fn transpose<T>(field: Option<Option<T>>) -> Option<Option<T>> {
    match field {
        None => Some(None),
        Some(None) => None,
        Some(Some(parsed)) => Some(Some(parsed)),
    }
}
