//! Parsing of requests from query strings and bodies.

use async_graphql::{Request, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::graphql::{self, TrustedDocuments};

/// Parameters of a request; other `extensions` than `persistedQuery` are accepted and ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(default)]
    query: Option<String>,
    /// Identifier of a document, as in the draft of persisted documents for GraphQL over HTTP.
    #[serde(default)]
    document_id: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

impl Parameters {
    /// Takes the identifier of the document: `documentId`, or the SHA-256 in `extensions.persistedQuery`, as clients of Apollo send
    /// it.
    fn take_document_id(&mut self) -> Option<String> {
        let hash = || {
            let hash = self.extensions.as_ref()?.get("persistedQuery")?.get("sha256Hash")?.as_str()?;
            Some(format!("sha256:{hash}"))
        };
        self.document_id.take().or_else(hash)
    }
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
    #[error(
        "failed to read the request: no documents are stored here; send the text of the document as query"
    )]
    NoDocuments,
    #[error(transparent)]
    Untrusted(#[from] graphql::Refused),
    #[error(transparent)]
    TooLarge(#[from] graphql::TooLarge),
}

impl ParseError {
    /// Returns the machine-readable code of an error that clients handle.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            // Clients of Apollo that receive this code send the text from then on.
            Self::NoDocuments => Some("PERSISTED_QUERY_NOT_SUPPORTED"),
            Self::Untrusted(graphql::Refused::NotFound | graphql::Refused::Identifier) => {
                Some("PERSISTED_DOCUMENT_NOT_FOUND")
            }
            Self::Untrusted(graphql::Refused::Missing) => Some("PERSISTED_DOCUMENT_ID_REQUIRED"),
            Self::Batch | Self::Json(_) | Self::NoQuery | Self::TooLarge(_) => None,
        }
    }
}

/// Parses the request in a body. With trusted documents, it must name or send one of them.
pub(super) fn from_body(body: &[u8], trusted: Option<&TrustedDocuments>) -> Result<Request, ParseError> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(ParseError::Batch);
    }
    request(serde_json::from_slice(body)?, trusted)
}

/// Parses the request in a query string. With trusted documents, it must name or send one of them.
pub(super) fn from_query(query: &str, trusted: Option<&TrustedDocuments>) -> Result<Request, ParseError> {
    let mut parameters = Parameters::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty())
    {
        match name.as_ref() {
            "query" => parameters.query = Some(value.into_owned()),
            "documentId" => parameters.document_id = Some(value.into_owned()),
            "operationName" => parameters.operation_name = Some(value.into_owned()),
            "variables" => parameters.variables = serde_json::from_str(&value)?,
            "extensions" => parameters.extensions = serde_json::from_str(&value)?,
            _ => {}
        }
    }
    request(parameters, trusted)
}

fn request(mut parameters: Parameters, trusted: Option<&TrustedDocuments>) -> Result<Request, ParseError> {
    let id = parameters.take_document_id();
    let Parameters { query, document_id: _, operation_name, variables, extensions: _ } = parameters;
    let query = match (trusted, query) {
        (Some(trusted), query) => trusted.select(id.as_deref(), query.as_deref())?.to_string(),
        (None, Some(query)) => query,
        (None, None) if id.is_some() => return Err(ParseError::NoDocuments),
        (None, None) => return Err(ParseError::NoQuery),
    };
    graphql::check_document(&query)?;
    let variables = Variables::from_json(Value::Object(variables.unwrap_or_default()));
    let sizes = graphql::VariableSizes::from_variables(&variables);
    let mut request = Request::new(query).variables(variables);
    // The execution reports documents that do not parse.
    if let Ok(document) = request.parsed_query() {
        let work = graphql::check_work(document, &sizes)?;
        request = request.data(work.contents).data(work.representations);
    }
    Ok(match operation_name {
        Some(name) => request.operation_name(name),
        None => request,
    })
}
