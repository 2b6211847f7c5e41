//! `GET /v1/workflow-runs/{id}/logs`

use std::num::NonZeroU32;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use protocol::internal::LogStream;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    follow::{self, Subscription},
    resource::{Log, LogEntry, LogPage},
};
use crate::{
    app::{
        self, App,
        logs::{Filter, LogLines, LogPosition, PageLimit},
    },
    http::{
        authorize::Member,
        extract::{Query, RunReference, optional_enum_name},
        readmission::Readmission,
    },
    problem::{Code, Problem},
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// Size of the text after which a page ends.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// Filters and paging of a log.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by step name.
    step: Option<String>,
    /// Filter by item index of a `forEach` step, starting at 0.
    #[param(value_type = Option<i64>, minimum = 0)]
    item: Option<u32>,
    /// Filter by attempt number, starting at 1.
    #[param(value_type = Option<i64>, minimum = 1)]
    attempt: Option<NonZeroU32>,
    /// Filter by output stream: `STDOUT`, `STDERR`, or `SYSTEM` for messages of the runner.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    stream: Option<Stream>,
    /// Position after which to continue: the `nextCursor` of the previous page or the `cursor` of a line. Default:
    /// the beginning of the log.
    cursor: Option<String>,
    /// Maximum number of lines on the page, 1 to 1000. Default: 100. Ignored for a stream of events.
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

/// Get the log of a run
///
/// Returns the lines that the steps of the run have written, in order of arrival. A log holds at most 50 MiB; later
/// lines are dropped, and the last line says so.
///
/// With `Accept: text/event-stream` the response is a stream of server-sent events: one `log` event per line, with the
/// same fields, first the existing lines and then each new line, until the run has finished. The last event is `end`
/// with the `status` of the run. To resume after a lost connection, send `Last-Event-ID` (or `cursor`). A tenant can
/// follow 16 logs at the same time; further requests fail with 429 `busy`. A stream ends within 5 seconds after the caller has lost
/// access, such as by the end of the token. A page also ends after about
/// 1 MiB of text.
///
/// Requires the permission `workflow.run.log.read`. Fails with 404 `not_found` if the tenant has no such run, and with
/// 400 `invalid_cursor` if the cursor is malformed.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/logs", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the run"),
        ("Last-Event-ID" = Option<String>, Header,
         description = "ID of the last event received, to resume a stream"),
        Parameters,
    ),
    responses((status = OK, description = "Page of log lines, or a stream of them",
               content((Log = "application/json"), (String = "text/event-stream"))))
)]
pub(in crate::http) async fn get_run_logs(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
    Extension(readmission): Extension<Readmission>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { step, item, attempt, stream, cursor, limit } = parameters;
    let attempt = attempt.map(NonZeroU32::get);
    let filter = Filter { step, item, attempt, stream: stream.map(LogStream::from) };
    let scope = tenant.scope;
    let row = app::runs::find_row(&app, scope, &reference).await?;
    let run = row.id;
    if accepts_event_stream(&headers) {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok().map(str::to_owned));
        let after = position(last.or(cursor))?;
        return follow::stream(Subscription {
            app,
            scope,
            run,
            filter,
            after,
            rights: tenant.rights,
            readmission,
        });
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter).detail("limit must be between 1 and 1000"));
    }
    let after = position(cursor)?;
    let page = PageLimit { lines: limit, bytes: MAX_PAGE_BYTES };
    let LogLines { lines, next, has_more } = app::logs::read(&app, scope, run, &filter, after, page).await?;
    let next_cursor = (has_more || !row.status.is_final()).then(|| next.to_string());
    let page = LogPage { next_cursor, has_more, limit };
    Ok(Json(Log { data: lines.into_iter().map(LogEntry::from).collect(), page }).into_response())
}

fn position(cursor: Option<String>) -> Result<LogPosition, Problem> {
    Ok(cursor.map_or(Ok(LogPosition::START), |cursor| cursor.parse())?)
}

fn accepts_event_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|media_type| media_type.trim().starts_with("text/event-stream"))
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
