//! The extractor of bodies of bytes.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
};

use crate::{
    http::{body::BodyKind, request_bodies::ExpectedBody},
    problem::{Code, Problem},
};

/// Bytes in the body of a request, of a media type and a size that the description of the operation allows.
pub(in crate::http) struct Upload(pub(in crate::http) Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // Without it, the request was not admitted, and its body may have any size.
        let expected = request.extensions().get::<ExpectedBody>();
        let expected = expected.filter(|expected| expected.kind == BodyKind::Bytes);
        expected.ok_or_else(|| Problem::new(Code::Internal))?.check_media_type(request.headers())?;
        // The body was read completely when the request was admitted.
        let bytes = to_bytes(request.into_body(), usize::MAX).await;
        bytes.map(Self).map_err(|_| Problem::new(Code::Malformed).detail("the body is incomplete"))
    }
}
