//! `PUT /internal/v1/runs/{run}/outputs/{sha256}` and `GET /internal/v1/runs/{run}/outputs?uri=`

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use crds::{constants::MAX_STORED_OUTPUT_BYTES, run::OutputRef};
use headers::{ContentLength, HeaderMapExt as _};
use protocol::internal::Stored;
use serde::Deserialize;
use uuid::Uuid;

use super::runner::Assignee;
use crate::{
    app::{
        self, App,
        outputs::{self, NewOutput},
    },
    http::{
        body::{self, BodyKind, BodyLimits},
        extract::Query,
        timeout::TRANSFER_TIMEOUT,
    },
    objects::ObjectContent,
    problem::Problem,
    store::outputs::Registered,
};

const OCTET_STREAM: &str = "application/octet-stream";

/// Path parameters of an upload.
#[derive(Deserialize)]
pub(super) struct OutputPath {
    #[serde(rename = "run")]
    _run: Uuid,
    sha256: String,
}

/// Query parameters of a download.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DownloadParameters {
    uri: String,
}

pub(super) async fn store(
    State(app): State<App>,
    Assignee { runner, run }: Assignee,
    Path(OutputPath { _run, sha256 }): Path<OutputPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_too_large(&headers)?;
    let tenant = runner.scope.tenant_id();
    let limit = BodyLimits { bytes: MAX_STORED_OUTPUT_BYTES, time: TRANSFER_TIMEOUT };
    let (bytes, _memory) = body::read(body, BodyKind::Bytes, &app.limits, &tenant, limit).await?;
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(OCTET_STREAM);
    let output = NewOutput { run, sha256, media_type: media_type.to_owned(), bytes };
    let (OutputRef { uri, bytes, sha256, media_type }, registered) =
        outputs::put(&app, runner.scope, output).await?;
    let status = match registered {
        Registered::New => StatusCode::CREATED,
        Registered::Known => StatusCode::OK,
    };
    Ok((status, Json(Stored { uri, bytes, sha256, media_type })).into_response())
}

pub(super) async fn read(
    State(app): State<App>,
    Assignee { runner, run: _ }: Assignee,
    Query(DownloadParameters { uri }): Query<DownloadParameters>,
) -> Result<Response, Problem> {
    let ObjectContent { bytes, stream } = outputs::read(&app, runner.scope, &uri).await?;
    let headers =
        [(header::CONTENT_TYPE, OCTET_STREAM.to_owned()), (header::CONTENT_LENGTH, bytes.to_string())];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Refuses a body whose `Content-Length` exceeds the limit, with both sizes.
fn refuse_too_large(headers: &HeaderMap) -> Result<(), Problem> {
    let limit = MAX_STORED_OUTPUT_BYTES;
    let announced = headers.typed_get().and_then(|ContentLength(bytes)| usize::try_from(bytes).ok());
    match announced.filter(|bytes| *bytes > limit) {
        Some(bytes) => Err(app::Error::OutputTooLarge { bytes, limit }.into()),
        None => Ok(()),
    }
}
