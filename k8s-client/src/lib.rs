//! The client of the API server that all our programs have: it reads every object that can be stored.

mod flatten;

use http::{Response, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use kube::{
    Client, Config, Error,
    client::{ClientBuilder, DynBody},
};
use tower::util::MapResponseLayer;

use crate::flatten::Flattener;

/// Levels that are read: `serde_json` gives up at 128. Values of ours have [`crds::constants::MAX_VALUE_DEPTH`], some levels below the
/// top, so that one which was cut off is still found too deep.
const LEVELS: usize = 120;

/// A client. What is nested deeper than 120 levels in what it reads is null.
///
/// # Errors
/// The configuration does not make a client.
pub fn connect(config: Config) -> Result<Client, Error> {
    let flat = MapResponseLayer::new(|response: Response<Box<DynBody>>| {
        let is_json = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/json");
        let mut flattener =
            response.headers().get(CONTENT_TYPE).is_some_and(is_json).then(|| Flattener::new(LEVELS));
        response.map(|body| {
            body.map_frame(move |frame| {
                frame.map_data(|data| match flattener.as_mut().and_then(|flattener| flattener.piece(&data)) {
                    Some(flat) => flat.into(),
                    None => data,
                })
            })
        })
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&flat).build())
}
