//! Removal of fields from the JSON text of responses, before it is decoded.
//!
//! The size of an object is chosen by whoever writes it, up to 1.5 MiB, and decoded JSON may need twenty times as much
//! memory as its text. A field that a program does not read is therefore removed while the text is received.

mod lexer;
mod list;
mod resource;
mod shorten;
mod text;

use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

pub use list::{list_items, member, without_items};
pub use resource::ResourcePath;
use text::TextSelector;

/// Fields of a value that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// The whole value.
    All,
    /// Nothing: the field is removed.
    None,
    /// The size of the value's JSON text in bytes, as a number in place of the value.
    Size,
    /// The beginning of a string, with an ellipsis in place of what is beyond this number of bytes of its JSON text. A value that
    /// is not a string is kept.
    Text(usize),
    /// The value's JSON text, as a string in place of the value: it takes no more memory than its text.
    Json,
    /// These fields of the object, or of each object in the list. Fields that are not named are removed.
    Only(&'static [(&'static str, Self)]),
}

/// Returns the fields to keep of each object that a resource path returns, or `None` to keep all of them. At the top
/// level of an object, only named fields are removed.
pub type Selection = fn(ResourcePath<'_>) -> Option<Fields>;

/// Layer that removes the fields that its selection does not keep from responses.
#[derive(Clone, Copy)]
pub(crate) struct SelectLayer(pub(crate) Selection);

impl<S> Layer<S> for SelectLayer {
    type Service = SelectService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SelectService { inner, selection: self.0 }
    }
}

/// Service of [`SelectLayer`].
#[derive(Clone)]
pub(crate) struct SelectService<S> {
    inner: S,
    selection: Selection,
}

type ResponseFuture<E> = Pin<Box<dyn Future<Output = Result<Response<Box<DynBody>>, E>> + Send>>;

impl<S> Service<Request<Body>> for SelectService<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fields = ResourcePath::parse(request.uri().path()).and_then(self.selection);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(match fields {
                Some(fields) if is_json(&response) => select(response, fields),
                _ => response,
            })
        })
    }
}

/// Returns the selected text of an object, or of a list of objects.
#[must_use]
pub fn select_text(text: &str, fields: Fields) -> Vec<u8> {
    TextSelector::new(fields).select_chunk(text.as_bytes())
}

fn is_json(response: &Response<Box<DynBody>>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn select(response: Response<Box<DynBody>>, fields: Fields) -> Response<Box<DynBody>> {
    let mut text = TextSelector::new(fields);
    response.map(|body| -> Box<DynBody> {
        let selected = body.map_frame(move |frame| frame.map_data(|chunk| text.select_chunk(&chunk).into()));
        Box::new(selected)
    })
}
