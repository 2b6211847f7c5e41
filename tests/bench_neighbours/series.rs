//! Latencies of requests that are sent at fixed times.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep_until, timeout};

/// Maximum duration of a request; a longer one has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Latencies of requests of one kind.
#[derive(Default)]
pub(super) struct Series {
    /// Latencies, including those of failed requests.
    pub(super) times: Vec<Duration>,
    /// Number of failed requests.
    pub(super) failed: usize,
    /// Error of the first failed request.
    pub(super) first_error: Option<String>,
}

/// Time at which the first request is sent, time between two, and time after which none is sent.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) first: Duration,
    pub(super) interval: Duration,
    pub(super) end: Duration,
}

impl Series {
    /// Sends requests at fixed times, one after the other, and measures each from the time at which it should have been
    /// sent. A request that waits for an earlier one is therefore as late as it is for a user. Requests that are not sent
    /// until the end count as failed, with the time that they have waited.
    pub(super) async fn measure(times: Times, mut send: impl AsyncFnMut() -> anyhow::Result<()>) -> Self {
        let start = Instant::now();
        let (mut due, end) = (start + times.first, start + times.end);
        let mut series = Self::default();
        while due < end {
            sleep_until(due).await;
            let result = async {
                if Instant::now() >= end {
                    bail!("not sent, because an earlier request took too long");
                }
                timeout(REQUEST_TIMEOUT, send()).await?
            };
            let result = result.await;
            series.add(due.elapsed(), result);
            due += times.interval;
        }
        series
    }

    fn add(&mut self, time: Duration, result: anyhow::Result<()>) {
        self.times.push(time);
        if let Err(error) = result {
            self.failed += 1;
            self.first_error.get_or_insert_with(|| format!("{error:#}"));
        }
    }
}
