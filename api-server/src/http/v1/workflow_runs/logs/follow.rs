//! A log as a stream of events.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    http::{HeaderValue, header},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use serde_json::json;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use uuid::Uuid;

use super::resource::Line;
use crate::{
    app::{
        self,
        logs::{self, Filter, LogPosition},
    },
    auth::TenantScope,
    http::problem::{Code, Problem},
    state::AppState,
    store::RunStatus,
};

/// Each looks three times a second while nothing comes: this many cost about 400 short queries a second.
const MOST: usize = 64;
static STREAMS: Semaphore = Semaphore::const_new(MOST);
const LOOK: Duration = Duration::from_millis(300);
/// Lines that are read at once.
const AT_ONCE: usize = 500;
/// The last lines of a run come shortly after its end.
const TRAILING: Duration = Duration::from_secs(3);
/// A client that is still there after that comes again with `Last-Event-ID`; one that is gone is noticed.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Proxies close connections that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What to follow.
pub(super) struct Following {
    pub(super) state: AppState,
    pub(super) scope: TenantScope,
    pub(super) run: Uuid,
    pub(super) filter: Filter,
    pub(super) after: LogPosition,
}

struct Follower {
    following: Following,
    lines: VecDeque<logs::Line>,
    /// When the run was first seen to have ended.
    ended: Option<Instant>,
    deadline: Instant,
    is_over: bool,
    _permit: SemaphorePermit<'static>,
}

/// The log from a place on, as it grows, until the run has ended.
pub(super) fn stream(following: Following) -> Result<Response, Problem> {
    let permit = STREAMS.try_acquire().map_err(|_| {
        Problem::new(Code::Unavailable)
            .detail(format!("{MOST} logs are followed here already"))
            .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
    })?;
    let follower = Follower {
        following,
        lines: VecDeque::new(),
        ended: None,
        deadline: Instant::now() + LONGEST,
        is_over: false,
        _permit: permit,
    };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Follower {
    /// The next event. A database that is away ends the stream: the client comes again.
    async fn next(&mut self) -> Option<Event> {
        while !self.is_over && !self.following.state.stop.is_cancelled() {
            if let Some(line) = self.lines.pop_front() {
                return event(line);
            }
            match self.look().await {
                Ok(Found::Lines) => {}
                Ok(Found::End(status)) => {
                    self.is_over = true;
                    return Event::default().event("end").json_data(json!({"status": status})).ok();
                }
                Ok(Found::Nothing) if Instant::now() < self.deadline => self.pause().await,
                Ok(Found::Nothing) => return None,
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(error, "a log is followed no more");
                    return None;
                }
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Found, app::Error> {
        let Following { state, scope, run, filter, after } = &mut self.following;
        // First the run's status: what is read after its end is all there is.
        let status = app::runs::get(state, *scope, *run).await?.status;
        let logs::Lines { lines, next, has_more } =
            logs::read(state, *scope, *run, filter, *after, AT_ONCE).await?;
        *after = next;
        self.lines.extend(lines);
        if !self.lines.is_empty() || has_more {
            return Ok(Found::Lines);
        }
        if !status.is_final() {
            return Ok(Found::Nothing);
        }
        let ended = *self.ended.get_or_insert_with(Instant::now);
        Ok(if ended.elapsed() < TRAILING { Found::Nothing } else { Found::End(status) })
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = self.following.state.stop.cancelled() => self.is_over = true,
        }
    }
}

enum Found {
    Lines,
    Nothing,
    End(RunStatus),
}

fn event(line: logs::Line) -> Option<Event> {
    let line = Line::from(line);
    Event::default().event("log").id(line.cursor.clone()).json_data(line).ok()
}
