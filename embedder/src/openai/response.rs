//! Reading and checking of a response.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::wire;
use crate::error::Error;

/// Bytes of a number in JSON, with its comma: a sign, 17 digits, a point and an exponent.
const NUMBER_BYTES: usize = 26;
/// Bytes of a response besides the numbers, for each text.
const OVERHEAD_BYTES: usize = 4096;
/// Characters of an error that are shown.
const MESSAGE_CHARACTERS: usize = 300;
/// Bytes of an error that are read.
const MESSAGE_BYTES: usize = 16 * 1024;

/// What a response must contain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) model: &'a str,
    pub(super) texts: usize,
    pub(super) dimensions: usize,
}

/// Returns the vectors of a response, in the order of the texts.
///
/// # Errors
/// Returns an error if the status is no success, or the body does not have one vector for each text.
pub(super) async fn read(expected: Expected<'_>, response: Response) -> Result<Vec<Vec<f32>>, Error> {
    let status = response.status();
    if !status.is_success() {
        return Err(failed(expected.model, status, response).await);
    }
    let limit = expected.dimensions.saturating_mul(NUMBER_BYTES).saturating_add(OVERHEAD_BYTES);
    let limit = limit.saturating_mul(expected.texts);
    let (body, is_complete) = read_body(expected.model, response, limit).await?;
    if !is_complete {
        return Err(Error::ResponseTooLarge { model: expected.model.to_owned(), limit });
    }
    let parsed: wire::Response = serde_json::from_slice(&body)
        .map_err(|source| Error::ParseResponse { model: expected.model.to_owned(), source })?;
    vectors(expected, parsed)
}

/// Sorts the vectors by the number of their text, and checks them.
fn vectors(expected: Expected<'_>, response: wire::Response) -> Result<Vec<Vec<f32>>, Error> {
    let model = || expected.model.to_owned();
    let mismatch = |problem| Error::Mismatch { model: model(), texts: expected.texts, problem };
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; expected.texts];
    for wire::Embedding { index, embedding } in response.data {
        let vector =
            vectors.get_mut(index).ok_or_else(|| mismatch(format!("it has a vector with index {index}")))?;
        if vector.is_some() {
            return Err(mismatch(format!("it has two vectors with index {index}")));
        }
        if embedding.len() != expected.dimensions {
            let (expected, actual) = (expected.dimensions, embedding.len());
            return Err(Error::Dimensions { model: model(), expected, actual });
        }
        if !embedding.iter().all(|number| number.is_finite()) {
            return Err(mismatch(format!("the vector with index {index} has a number that is not finite")));
        }
        *vector = Some(embedding);
    }
    let missing = vectors.iter().position(Option::is_none);
    match missing {
        Some(index) => Err(mismatch(format!("it has no vector with index {index}"))),
        None => Ok(vectors.into_iter().flatten().collect()),
    }
}

/// Returns the error of a response that is no success. Only some statuses are about the texts: a wrong key or name of the model is a mistake in
/// the configuration, and no reason to give up documents.
async fn failed(model: &str, status: StatusCode, response: Response) -> Error {
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = read_body(model, response, MESSAGE_BYTES).await.map(|(body, _)| body).unwrap_or_default();
    let message: String = String::from_utf8_lossy(&body).chars().take(MESSAGE_CHARACTERS).collect();
    let (model, code) = (model.to_owned(), status.as_u16());
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Error::Rejected { model, status: code, message }
        }
        _ => {
            let retry_after = retry_after.map(Duration::from_secs);
            Error::Unavailable { model, status: code, message, retry_after }
        }
    }
}

/// Returns at most `limit` bytes of a body, and whether that is all of it.
async fn read_body(model: &str, mut response: Response, limit: usize) -> Result<(Vec<u8>, bool), Error> {
    let mut body = Vec::new();
    loop {
        let part = response.chunk().await;
        match part.map_err(|error| Error::Request { model: model.to_owned(), source: error.without_url() })? {
            None => return Ok((body, true)),
            Some(part) if body.len() + part.len() > limit => {
                let fitting = limit - body.len();
                body.extend_from_slice(part.get(..fitting).unwrap_or_default());
                return Ok((body, false));
            }
            Some(part) => body.extend_from_slice(&part),
        }
    }
}
