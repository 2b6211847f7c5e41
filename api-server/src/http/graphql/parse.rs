//! Parsing of requests from query strings and bodies.

use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::graphql;

/// Parameters of a request; `extensions` are accepted and ignored.
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

/// Error in a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum ParseError {
    #[error("failed to read the request: batches are not supported")]
    Batch,
    #[error("failed to read the request: {0}")]
    Json(#[from] serde_json::Error),
    #[error("failed to read the request: query is missing")]
    NoQuery,
    #[error(transparent)]
    TooLarge(#[from] graphql::TooLarge),
}

/// Parses the request in a body.
pub(super) fn from_body(body: &[u8]) -> Result<Request, ParseError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(ParseError::Batch);
    }
    request(serde_json::from_slice(body)?)
}

/// Parses the request in a query string.
pub(super) fn from_query(query: &str) -> Result<Request, ParseError> {
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
    if parameters.query.is_empty() { Err(ParseError::NoQuery) } else { request(parameters) }
}

fn request(parameters: Parameters) -> Result<Request, ParseError> {
    let Parameters { query, operation_name, variables, extensions: _ } = parameters;
    graphql::check_document(&query)?;
    let variables = Variables::from_json(Value::Object(variables.unwrap_or_default()));
    let sizes = graphql::VariableSizes::from_variables(&variables);
    let mut request = Request::new(query).variables(variables);
    // The execution reports documents that do not parse.
    if let Ok(document) = request.parsed_query() {
        let repeats = graphql::check_work(document, &sizes)?;
        request = request.data(repeats);
    }
    Ok(match operation_name {
        Some(name) => request.operation_name(name),
        None => request,
    })
}
