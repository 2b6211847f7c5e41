//! `GET /v1/workflow-runs/{id}/logs`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use protocol::internal::LogStream;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    follow::{self, Following},
    resource::{Line, Log, LogPage},
};
use crate::{
    app::{
        self,
        logs::{Filter, Lines, LogPosition},
    },
    http::{
        authorize::Member,
        extract::{Id, Query},
        problem::{Code, Problem},
    },
    state::AppState,
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Which lines of a log to give.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Only lines of this step.
    step: Option<String>,
    /// Only lines of this item of a `forEach`.
    item: Option<u32>,
    /// Only lines of this attempt.
    attempt: Option<u32>,
    /// `STDOUT`, `STDERR` or `SYSTEM`.
    #[param(value_type = Option<String>)]
    stream: Option<Stream>,
    /// The `nextCursor` of the page before, or the `cursor` of a line.
    cursor: Option<String>,
    /// The page size, 1 to 1,000; 100 when absent. A stream has no pages.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Stream {
    Stdout,
    Stderr,
    System,
}

/// What the steps of a run have written.
///
/// With `Accept: text/event-stream` it is a stream: what there is, then each line as it comes, as events `log` with
/// the same fields, until the run has ended; its last event is `end`, with the run's `status`. After a cut connection
/// `Last-Event-ID` (or `cursor`) goes on where it was.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/logs", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The run's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event of the stream before"),
        Parameters,
    ),
    responses((status = OK, description = "A page of lines, or a stream of them", body = Log))
)]
pub(in crate::http) async fn get_run_logs(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(run): Id,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { step, item, attempt, stream, cursor, limit } = parameters;
    let filter = Filter { step, item, attempt, stream: stream.map(LogStream::from) };
    let row = app::runs::get(&state, tenant.scope, run).await?;
    let scope = tenant.scope;
    if wants_stream(&headers) {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok().map(str::to_owned));
        let after = position(last.or(cursor))?;
        return follow::stream(Following { state, scope, run, filter, after });
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter).detail("limit must be from 1 to 1000"));
    }
    let after = position(cursor)?;
    let Lines { lines, next, has_more } = app::logs::read(&state, scope, run, &filter, after, limit).await?;
    let next_cursor = (has_more || !row.status.is_final()).then(|| next.to_string());
    let page = LogPage { next_cursor, has_more, limit };
    Ok(Json(Log { data: lines.into_iter().map(Line::from).collect(), page }).into_response())
}

fn position(cursor: Option<String>) -> Result<LogPosition, Problem> {
    Ok(cursor.map_or(Ok(LogPosition::START), |cursor| cursor.parse())?)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|media| media.trim().starts_with("text/event-stream"))
}

impl From<Stream> for LogStream {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Stdout => Self::Stdout,
            Stream::Stderr => Self::Stderr,
            Stream::System => Self::System,
        }
    }
}
