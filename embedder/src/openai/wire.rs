//! Bodies of requests and responses.

use serde::{Deserialize, Serialize};

/// Body of a request.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    pub(super) input: Vec<String>,
    pub(super) encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<usize>,
}

/// Body of a response. Servers add further fields.
#[derive(Debug, Deserialize)]
pub(super) struct Response {
    pub(super) data: Vec<Embedding>,
}

/// Vector of one text.
#[derive(Debug, Deserialize)]
pub(super) struct Embedding {
    /// Number of the text in the request, starting at 0.
    pub(super) index: usize,
    pub(super) embedding: Vec<f32>,
}
