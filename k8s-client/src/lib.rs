//! Kubernetes client that all programs share. It can read every object that the API server stores, however
//! deep it is nested.

mod flatten;

use http::{Response, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use kube::{
    Client, Config, Error,
    client::{ClientBuilder, DynBody},
};
use tower::util::MapResponseLayer;

use crate::flatten::Flattener;

/// Number of nested lists and objects that are preserved; `serde_json` fails at 128. Free values may have
/// [`crds::constants::MAX_VALUE_DEPTH`] levels, some levels below the root, so a truncated value is still
/// recognised as too deep.
const MAX_LEVELS: usize = 120;

/// Returns a client. Values nested deeper than 120 levels in its responses are replaced with `null`.
///
/// # Errors
/// Returns an error if the configuration is not valid, for example if a certificate cannot be read.
pub fn connect(config: Config) -> Result<Client, Error> {
    let flat = MapResponseLayer::new(|response: Response<Box<DynBody>>| {
        let is_json = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/json");
        let mut flattener =
            response.headers().get(CONTENT_TYPE).is_some_and(is_json).then(|| Flattener::new(MAX_LEVELS));
        response.map(|body| {
            body.map_frame(move |frame| {
                frame.map_data(|data| {
                    match flattener.as_mut().and_then(|flattener| flattener.flatten_chunk(&data)) {
                        Some(flat) => flat.into(),
                        None => data,
                    }
                })
            })
        })
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&flat).build())
}
