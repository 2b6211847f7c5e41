//! A log as a stream of server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse as _, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures::stream;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::resource::LogEntry;
use crate::{
    app::{
        self, App,
        logs::{self, Filter, LogPosition, PageLimit},
    },
    auth::{ConditionalRights, Membership, TenantScope},
    http::{
        in_flight,
        readmission::{self, Readmission},
    },
    limits::Permit,
    problem::Problem,
    store::RunStatus,
};

/// Interval of polls while the log does not grow. [`crate::limits::Limits`] bounds the number of streams.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Limit of what a stream reads at once, and holds in memory until its client has received it.
const LINES_PER_READ: PageLimit = PageLimit { lines: 500, bytes: 256 * 1024 };
/// Time after the end of a run during which its last lines can still arrive.
const LATE_LINES_DELAY: Duration = Duration::from_secs(3);
/// Maximum duration of a stream without new lines. A client that is still connected reconnects with `Last-Event-ID`.
const MAX_STREAM_DURATION: Duration = Duration::from_secs(3_600);
/// Interval of keep-alive comments. Proxies close connections that are silent for a minute.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Delay after which a client should retry when all streams are in use.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// Parameters of a stream.
pub(super) struct Subscription {
    pub(super) app: App,
    pub(super) scope: TenantScope,
    pub(super) run: Uuid,
    pub(super) filter: Filter,
    pub(super) after: LogPosition,
    /// Rights that restrict the scope, which end with the stream.
    pub(super) rights: Option<Arc<ConditionalRights>>,
    /// Whether the caller would still be admitted.
    pub(super) readmission: Readmission,
}

struct Follower {
    subscription: Subscription,
    lines: VecDeque<logs::PositionedLine>,
    /// Time at which the follower first found the run finished.
    finished_at: Option<Instant>,
    deadline: Instant,
    /// Time at which the caller was last admitted.
    admitted_at: Instant,
    is_over: bool,
    _permit: Permit,
}

/// Returns the stream of a log, from a position until the run has finished.
///
/// # Errors
/// Returns an error if too many logs are being followed.
pub(super) fn stream(subscription: Subscription) -> Result<Response, Problem> {
    let Subscription { app, scope, .. } = &subscription;
    let permit = app.limits.streams.try_acquire(&scope.tenant_id());
    let permit = permit.map_err(|error| in_flight::refusal("streams", error, RETRY_DELAY))?;
    let follower = Follower {
        subscription,
        lines: VecDeque::new(),
        finished_at: None,
        deadline: Instant::now() + MAX_STREAM_DURATION,
        admitted_at: Instant::now(),
        is_over: false,
        _permit: permit,
    };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

impl Follower {
    /// Returns the next event; `None` ends the stream. The stream also ends if the database is unavailable, or if the caller would not be
    /// admitted any more: the client reconnects, and is told why it may not.
    async fn next(&mut self) -> Option<Event> {
        while !self.is_over && !self.subscription.app.shutdown.is_cancelled() {
            if self.admitted_at.elapsed() >= readmission::INTERVAL {
                let Membership { scope, rights, .. } = self.subscription.readmission.membership().await?;
                (self.subscription.scope, self.subscription.rights) = (scope, rights);
                self.admitted_at = Instant::now();
            }
            if let Some(line) = self.lines.pop_front() {
                return event(line);
            }
            match self.poll().await {
                Ok(Progress::Lines) => {}
                Ok(Progress::End(status)) => {
                    self.is_over = true;
                    return Event::default().event("end").json_data(json!({"status": status})).ok();
                }
                Ok(Progress::Nothing) if Instant::now() < self.deadline => self.pause().await,
                Ok(Progress::Nothing) => return None,
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(error, "a log stream ends early");
                    return None;
                }
            }
        }
        None
    }

    async fn poll(&mut self) -> Result<Progress, app::Error> {
        let Subscription { app, scope, run, filter, after, rights: _, readmission: _ } =
            &mut self.subscription;
        // The status is read before the lines: if it is final, the lines read after it are complete.
        let status = app::runs::get(app, *scope, *run).await?.status;
        let logs::LogLines { lines, next, has_more } =
            logs::read(app, *scope, *run, filter, *after, LINES_PER_READ).await?;
        *after = next;
        self.lines.extend(lines);
        if !self.lines.is_empty() || has_more {
            return Ok(Progress::Lines);
        }
        if !status.is_final() {
            return Ok(Progress::Nothing);
        }
        let finished_at = *self.finished_at.get_or_insert_with(Instant::now);
        let is_late = finished_at.elapsed() >= LATE_LINES_DELAY;
        Ok(if is_late { Progress::End(status) } else { Progress::Nothing })
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = self.subscription.app.shutdown.cancelled() => self.is_over = true,
        }
    }
}

/// Result of one poll.
enum Progress {
    Lines,
    Nothing,
    End(RunStatus),
}

fn event(line: logs::PositionedLine) -> Option<Event> {
    let line = LogEntry::from(line);
    Event::default().event("log").id(line.cursor.clone()).json_data(line).ok()
}
