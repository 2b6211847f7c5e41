//! A call of an HTTP endpoint.

use std::collections::BTreeMap;

use crds::Quantity;
use crds::workflow::{HttpAction, HttpAuth, HttpMethod, HttpResponse, HttpTls as HttpTlsSpec, SecretRef};
use serde_json::Value;

use super::texts;
use crate::expr::Program;
use crate::template::Template;
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

/// Bytes of an answer, where the step does not say.
const DEFAULT_RESPONSE_BYTES: u64 = 1 << 20;

/// A call of an HTTP endpoint.
#[derive(Clone, Debug)]
pub struct Http {
    /// The method.
    pub method: HttpMethod,
    /// Bytes of the answer's body, at most.
    pub max_response_bytes: u64,
    /// How the answer's body is read; none = by its media type.
    pub response: Option<HttpResponse>,
    /// TLS beyond the public authorities.
    pub tls: HttpTls,
    pub(crate) url: Template,
    pub(crate) headers: BTreeMap<String, Template>,
    pub(crate) query: BTreeMap<String, Template>,
    pub(crate) body: Option<HttpBody<Template>>,
    pub(crate) credentials: Option<HttpCredentials<Template>>,
    pub(crate) success: Option<Program>,
}

/// A request's body: templates in a workflow, JSON values once rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpBody<T> {
    /// As `application/json`.
    Json(T),
    /// As `application/x-www-form-urlencoded`, by field.
    Form(BTreeMap<String, T>),
    /// As `text/plain`.
    Text(T),
}

/// How a request is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpCredentials<T> {
    /// A bearer token.
    Bearer(T),
    /// User name and password.
    Basic {
        /// The user.
        username: T,
        /// The password.
        password: T,
    },
}

/// TLS beyond the public authorities, by names in `spec.secrets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpTls {
    /// The secret with `ca.crt`: authorities to trust besides the public ones.
    pub ca: Option<String>,
    /// The secret with `tls.crt` and `tls.key`: what we show.
    pub client: Option<String>,
}

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
    let url = text(&format!("{path}.url"), url, &scope, problems);
    let headers = texts(&format!("{path}.headers"), headers, &scope.with_secrets(), problems);
    let query = texts(&format!("{path}.query"), query, &scope, problems);
    let body = parse_body(path, spec, &scope, problems);
    let credentials = auth
        .as_ref()
        .map(|auth| parse_credentials(&format!("{path}.auth"), auth, &scope.with_secrets(), problems));
    let answer = scope.of_answer(&["status", "headers", "body"]);
    let success =
        success.as_ref().map(|source| problems.program(&format!("{path}.success"), source, &answer));
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
    let mut read = |field: &str, secret: Option<&SecretRef>, keys: &[&str]| {
        let name = &secret?.name;
        for (code, message) in scope.faults_of_secret(name, keys) {
            problems.add(format!("{path}.{field}.name"), code, message);
        }
        Some(name.clone())
    };
    HttpTls {
        ca: read("caSecret", ca_secret.as_ref(), &["ca.crt"]),
        client: read("clientSecret", client_secret.as_ref(), &["tls.crt", "tls.key"]),
    }
}

/// Where the scheme is plain to see it must be one that can be called; a template is looked at when it is rendered.
fn check_url(path: &str, url: &str, problems: &mut Problems) {
    let literal = url.split("${{").next().unwrap_or_default().to_ascii_lowercase();
    let cut = literal.len() < url.len();
    let fits = ["http://", "https://"]
        .iter()
        .any(|scheme| literal.starts_with(scheme) || (cut && scheme.starts_with(&literal)));
    if !fits {
        problems.add(path, "UrlScheme", "the URL must begin with http:// or https://");
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
            Some(texts(&format!("{path}.form"), form, scope, problems).map(HttpBody::Form))
        }
        (None, None, Some(body)) => {
            Some(text(&format!("{path}.text"), body, scope, problems).map(HttpBody::Text))
        }
        _ => {
            problems.add(path, "ManyBodies", "give at most one of json, form and text");
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
            text(&format!("{path}.bearer"), bearer, scope, problems).map(HttpCredentials::Bearer)
        }
        (None, Some(basic)) => {
            let username = text(&format!("{path}.basic.username"), &basic.username, scope, problems);
            let password = text(&format!("{path}.basic.password"), &basic.password, scope, problems);
            Some(HttpCredentials::Basic { username: username?, password: password? })
        }
        _ => {
            problems.add(path, "ManyCredentials", "give exactly one of bearer and basic");
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

fn text(path: &str, text: &str, scope: &Scope<'_>, problems: &mut Problems) -> Option<Template> {
    problems.template(path, &Value::String(text.to_owned()), scope)
}

/// Absent stays absent; given but with a problem becomes none.
#[expect(clippy::option_option, reason = "absent, faulty and read are three things")]
fn transpose<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(None) => None,
        Some(Some(read)) => Some(Some(read)),
    }
}
