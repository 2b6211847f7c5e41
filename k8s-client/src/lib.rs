//! Kubernetes client that all programs share. It reads objects of any nesting depth; values below 120 levels
//! are replaced with `null`. Texts that it applies may have any character.

mod apply_body;
mod create;
mod decoded_bytes;
mod limit_depth;
mod select;

use http::{Method, Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use kube::{
    Client, Config, Error,
    client::{Body, ClientBuilder, DynBody},
};
use tower::util::{MapRequestLayer, MapResponseLayer};

use crate::{limit_depth::DepthLimiter, select::SelectLayer};

pub use crate::{
    apply_body::is_applicable_name,
    create::create,
    decoded_bytes::decoded_bytes,
    select::{Fields, ResourcePath, Selection, list_items, member, select_text, without_items},
};

/// Number of nested lists and objects that are preserved; `serde_json` fails at 128. Inputs and outputs may have
/// at most [`crds::constants::MAX_VALUE_DEPTH`] levels and begin a few levels below the root of the object. The
/// limit here is higher, so a truncated value still exceeds theirs and is rejected.
const MAX_LEVELS: usize = 120;

/// Returns a client. Values nested deeper than 120 levels in its responses are replaced with `null`.
///
/// # Errors
/// Returns an error if the configuration is not valid, for example if a certificate cannot be read.
pub fn connect(config: Config) -> Result<Client, Error> {
    connect_selective(config, |_| None, |_| ())
}

/// Returns a client like [`connect`] whose responses contain only the fields that `selection` keeps, and that calls `on_request`
/// with the method of each request. All other fields are removed while a response is received, so that they need no memory.
///
/// # Errors
/// Returns an error if the configuration is not valid, for example if a certificate cannot be read.
pub fn connect_selective(
    config: Config,
    selection: Selection,
    on_request: impl Fn(&Method) + Clone + Send + Sync + 'static,
) -> Result<Client, Error> {
    let prepare = MapRequestLayer::new(move |request: Request<Body>| {
        on_request(request.method());
        apply_body::prepare(request)
    });
    let limit_depth = MapResponseLayer::new(|response: Response<Box<DynBody>>| {
        let is_json = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/json");
        let mut limiter =
            response.headers().get(CONTENT_TYPE).is_some_and(is_json).then(|| DepthLimiter::new(MAX_LEVELS));
        response.map(|body| {
            body.map_frame(move |frame| {
                frame.map_data(|data| match limiter.as_mut().and_then(|limiter| limiter.limit_chunk(&data)) {
                    Some(limited) => limited.into(),
                    None => data,
                })
            })
        })
    });
    let builder = ClientBuilder::try_from(config)?.with_layer(&SelectLayer(selection));
    Ok(builder.with_layer(&limit_depth).with_layer(&prepare).build())
}
