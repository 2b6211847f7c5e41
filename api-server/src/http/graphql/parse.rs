//! From a query string or a body to a request.

use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::graphql;

/// What a client may send; `extensions` are read and not used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

/// Why a request is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("failed to read the request: a list of requests is not taken")]
    Batch,
    #[error("failed to read the request: {0}")]
    Json(#[from] serde_json::Error),
    #[error("failed to read the request: there is no query in it")]
    NoQuery,
    #[error(transparent)]
    TooLarge(#[from] graphql::TooLarge),
}

/// The request in a body.
pub(super) fn from_body(body: &[u8]) -> Result<Request, Refusal> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Refusal::Batch);
    }
    request(serde_json::from_slice(body)?)
}

/// The request in a query string.
pub(super) fn from_query(query: &str) -> Result<Request, Refusal> {
    let mut parameters =
        Parameters { query: String::new(), operation_name: None, variables: None, extensions: None };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "query" => parameters.query = value.into_owned(),
            "operationName" if !value.is_empty() => parameters.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => parameters.variables = serde_json::from_str(&value)?,
            "extensions" if !value.is_empty() => parameters.extensions = serde_json::from_str(&value)?,
            _ => {}
        }
    }
    if parameters.query.is_empty() { Err(Refusal::NoQuery) } else { request(parameters) }
}

fn request(parameters: Parameters) -> Result<Request, Refusal> {
    let Parameters { query, operation_name, variables, extensions: _ } = parameters;
    graphql::check(&query)?;
    let variables = Variables::from_json(Value::Object(variables.unwrap_or_default()));
    let request = Request::new(query).variables(variables);
    Ok(match operation_name {
        Some(name) => request.operation_name(name),
        None => request,
    })
}
