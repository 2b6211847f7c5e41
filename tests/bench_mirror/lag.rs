//! Lag of single changes, from the API to the row, while other objects change.

use std::{
    fmt::{self, Display},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use sqlx::PgPool;
use tests::percentile::percentile_ms;
use tokio_util::sync::CancellationToken;

use super::kubernetes::{Kubernetes, run_uid};

/// Run whose changes are measured. It belongs to the first tenant.
const PROBE: usize = 0;
/// Interval between the changes of the probe.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// Interval at which its row is read.
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Deadline of a change of the probe: a hundred times the goal beside a flood.
const DEADLINE: Duration = Duration::from_secs(10);
/// Number of changes of a flood that are sent at once.
const BURST: usize = 1000;
/// Number of events that the mirror has not read from the watch at which a flood pauses. A watch is one sequence, and a real API server
/// ends the watch of a client that is further behind.
const MAX_UNREAD: usize = 1000;

/// Changes of other objects.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// No other object changes.
    None,
    /// Runs of all tenants change, this many a second.
    AllTenants { rate: u32 },
    /// The runs of the second of so many tenants change faster than they can be stored.
    OtherTenant { tenants: usize },
}

/// Measured lags.
pub(crate) struct Lags {
    lags: Vec<Duration>,
    changes: usize,
    took: Duration,
}

impl Display for Lags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lags, changes, took } = self;
        let changes = u32::try_from(*changes).map(f64::from).unwrap_or_default() / took.as_secs_f64();
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms, maximum {:.1} ms, beside {changes:.0} changes/s",
            percentile_ms(lags, 50),
            percentile_ms(lags, 99),
            percentile_ms(lags, 100)
        )
    }
}

/// Changes the probe at an interval for this time, and measures until each change is in its row.
pub(crate) async fn measure(
    kubernetes: &Kubernetes,
    owner: &PgPool,
    load: Load,
    duration: Duration,
) -> anyhow::Result<Lags> {
    let stop = CancellationToken::new();
    let changing = tokio::spawn(change_others(kubernetes.clone(), load, stop.clone()));
    let started = Instant::now();
    let mut lags = Vec::new();
    while started.elapsed() < duration {
        tokio::time::sleep(PROBE_INTERVAL).await;
        let sent = Instant::now();
        let version = kubernetes.change_run(PROBE);
        let stored = tokio::time::timeout(DEADLINE, wait_until_stored(owner, version)).await;
        stored.with_context(|| format!("a change was not stored within {DEADLINE:?}"))??;
        lags.push(sent.elapsed());
    }
    let took = started.elapsed();
    stop.cancel();
    Ok(Lags { lags, changes: changing.await?, took })
}

async fn wait_until_stored(owner: &PgPool, version: i64) -> anyhow::Result<()> {
    while stored_version(owner).await? < version {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

async fn stored_version(owner: &PgPool) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("select resource_version from workflow_runs where id = $1")
        .bind(run_uid(PROBE))
        .fetch_one(owner)
        .await?)
}

/// Changes other runs until `stop` is cancelled. Returns the number of changes.
async fn change_others(kubernetes: Kubernetes, load: Load, stop: CancellationToken) -> usize {
    let (interval, burst, step) = match load {
        Load::None => return 0,
        Load::AllTenants { rate } => (Duration::from_secs(1) / rate, 1, 1),
        // The runs of one tenant have numbers that differ by the number of tenants.
        Load::OtherTenant { tenants } => (Duration::from_millis(100), BURST, tenants),
    };
    let (mut ticks, mut changes) = (tokio::time::interval(interval), 0);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if kubernetes.unread_events() >= MAX_UNREAD {
            continue;
        }
        for _ in 0..burst {
            kubernetes.change_run(1 + (changes % BURST) * step);
            changes += 1;
        }
    }
    changes
}
