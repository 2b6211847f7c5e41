//! `PUT /internal/v1/runs/{run}/outputs/{sha256}` and `GET /internal/v1/runs/{run}/outputs?uri=`

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use crds::{constants::MAX_STORED_OUTPUT_BYTES, run::OutputRef};
use protocol::internal::Stored;
use serde::Deserialize;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::runner::Holder;
use crate::{
    app::{
        self,
        outputs::{self, NewOutput},
    },
    http::{
        extract::Query,
        problem::{Code, Problem},
    },
    objects::ObjectContent,
    state::AppState,
    store::outputs::Registered,
};

/// Bodies that are held in memory at once: 8 of 16 MiB fit twice into what the chart lets the process have.
static BODIES: Semaphore = Semaphore::const_new(8);
const OCTETS: &str = "application/octet-stream";

/// The SHA-256 in the path.
#[derive(Deserialize)]
pub(super) struct OutputPath {
    #[serde(rename = "run")]
    _run: Uuid,
    sha256: String,
}

/// Which output to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    uri: String,
}

pub(super) async fn store(
    State(state): State<AppState>,
    Holder { runner, run }: Holder,
    Path(OutputPath { _run, sha256 }): Path<OutputPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    // Closed only if the process ends.
    let _permit = BODIES.acquire().await.map_err(|_| Problem::new(Code::Unavailable))?;
    let bytes = read_body(&headers, body).await?;
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or(OCTETS);
    let output = NewOutput { run, sha256, media_type: media_type.to_owned(), bytes };
    let (OutputRef { uri, bytes, sha256, media_type }, announced) =
        outputs::put(&state, runner.scope, output).await?;
    let status = match announced {
        Registered::New => StatusCode::CREATED,
        Registered::Known => StatusCode::OK,
    };
    Ok((status, Json(Stored { uri, bytes, sha256, media_type })).into_response())
}

pub(super) async fn read(
    State(state): State<AppState>,
    Holder { runner, run: _ }: Holder,
    Query(Which { uri }): Query<Which>,
) -> Result<Response, Problem> {
    let ObjectContent { bytes, stream } = outputs::read(&state, runner.scope, &uri).await?;
    let headers = [(header::CONTENT_TYPE, OCTETS.to_owned()), (header::CONTENT_LENGTH, bytes.to_string())];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// The whole body; one that is announced as too long is not read at all.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let limit = MAX_STORED_OUTPUT_BYTES;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(bytes) = announced.filter(|bytes| *bytes > limit) {
        return Err(app::Error::OutputTooLarge { bytes, limit }.into());
    }
    axum::body::to_bytes(body, limit).await.map_err(|_| {
        Problem::new(Code::TooLarge).detail(format!("the body was cut off, or has more than {limit} bytes"))
    })
}
