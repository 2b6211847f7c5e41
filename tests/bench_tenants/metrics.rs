//! Metrics of the operator.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use tests::wait;

/// Ten times what a restart with 1,000 tenants takes.
const DEADLINE: Duration = Duration::from_secs(600);

/// Time without a write after which the operator counts as quiet: longer than the interval at which it writes the usage of a tenant.
const QUIET: Duration = Duration::from_secs(20);
const SAMPLE: Duration = Duration::from_secs(1);

/// Methods of requests that change something.
const WRITES: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// Endpoint of the metrics of an operator.
#[derive(Clone)]
pub(super) struct Metrics {
    url: String,
}

/// Numbers of requests to the Kubernetes API, by method.
#[derive(Clone, Default)]
pub(super) struct Requests(BTreeMap<String, u64>);

/// Numbers of reconciles that took at most a time, by this time in seconds, as text and in ascending order.
#[derive(Clone, Default)]
pub(super) struct Durations(Vec<(String, u64)>);

impl Metrics {
    pub(super) fn new(address: &str) -> Self {
        Self { url: format!("http://{address}/metrics") }
    }

    /// Returns the requests since the start of the operator, without those that renew its lease.
    pub(super) async fn requests(&self) -> anyhow::Result<Requests> {
        let mut requests = Requests::default();
        for (labels, count) in self.series("smb_operator_kubernetes_requests_total").await? {
            let method = labels.split('"').nth(1).unwrap_or_default().to_owned();
            requests.0.insert(method, count);
        }
        Ok(requests)
    }

    /// Waits until a controller has made this number of successful reconciles.
    pub(super) async fn until_reconciled(&self, controller: &str, count: usize) -> anyhow::Result<()> {
        let label = format!("controller=\"{controller}\"");
        let reconciled = async || {
            // The operator serves its metrics some milliseconds after its start.
            let series = self.series("smb_operator_reconciles_total").await.unwrap_or_default();
            let matching =
                series.iter().filter(|(labels, _)| labels.contains(&label) && labels.contains("\"ok\""));
            Ok(matching.map(|(_, count)| *count).sum::<u64>())
        };
        let count = u64::try_from(count)?;
        wait::until("all tenants are reconciled", DEADLINE, reconciled, |done| *done >= count).await?;
        Ok(())
    }

    /// Waits until the operator has written nothing for some time: what follows from the last change is then written.
    pub(super) async fn until_quiet(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let (mut writes, mut since) = (self.requests().await?.writes(), Instant::now());
        while since.elapsed() < QUIET {
            anyhow::ensure!(begun.elapsed() < DEADLINE, "the operator does not stop writing");
            tokio::time::sleep(SAMPLE).await;
            let now = self.requests().await?.writes();
            if now != writes {
                (writes, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Returns the durations of the reconciles of a controller since the start of the operator.
    pub(super) async fn durations(&self, controller: &str) -> anyhow::Result<Durations> {
        let series = self.series("smb_operator_reconcile_duration_seconds_bucket").await?;
        let label = format!("controller=\"{controller}\"");
        let own = series.iter().filter(|(labels, _)| labels.contains(&label));
        Ok(Durations(own.filter_map(|(labels, count)| Some((bound(labels)?.to_owned(), *count))).collect()))
    }

    /// Returns the labels and values of a counter.
    async fn series(&self, name: &str) -> anyhow::Result<Vec<(String, u64)>> {
        let text = reqwest::get(&self.url).await?.text().await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        Ok(lines
            .filter_map(|line| {
                let (labels, value) = line.rsplit_once(' ')?;
                Some((labels.to_owned(), value.parse().ok()?))
            })
            .collect())
    }
}

impl Requests {
    /// Returns the requests that were made after an earlier point in time.
    pub(super) fn since(&self, before: &Self) -> Self {
        let earlier = |method: &String| before.0.get(method).copied().unwrap_or_default();
        let counts =
            self.0.iter().map(|(method, count)| (method.clone(), count.saturating_sub(earlier(method))));
        Self(counts.collect())
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the number of requests that can change something.
    pub(super) fn writes(&self) -> u64 {
        WRITES.iter().filter_map(|method| self.0.get(*method)).sum()
    }

    /// Returns the number of requests that change something that exists: of POST, some are only questions, such as those about
    /// the rights of the operator.
    pub(super) fn changes(&self) -> u64 {
        self.writes() - self.0.get("POST").copied().unwrap_or_default()
    }

    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "the counts are far below 2^52")]
    pub(super) fn per(&self, tenants: usize) -> f64 {
        self.total() as f64 / tenants as f64
    }
}

/// Returns the upper bound of a bucket.
fn bound(labels: &str) -> Option<&str> {
    labels.split_once("le=\"")?.1.split_once('"').map(|(bound, _)| bound)
}

impl Durations {
    /// Returns the reconciles after an earlier point in time.
    pub(super) fn since(&self, before: &Self) -> Self {
        let earlier =
            |bound: &String| before.0.iter().find(|(other, _)| other == bound).map_or(0, |(_, count)| *count);
        Self(
            self.0
                .iter()
                .map(|(bound, count)| (bound.clone(), count.saturating_sub(earlier(bound))))
                .collect(),
        )
    }

    /// Returns the time that a percentage of the reconciles did not exceed, as far as the histogram shows it.
    fn percentile(&self, percent: u64) -> &str {
        let total = self.0.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let reached = self.0.iter().find(|(_, count)| count * 100 >= total * percent);
        reached.map_or("nothing", |(bound, _)| bound)
    }
}

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.iter().map(|(_, count)| *count).max().unwrap_or_default();
        write!(
            f,
            "of tenants: {total}, p50 at most {} s, p99 at most {} s",
            self.percentile(50),
            self.percentile(99)
        )
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.0.iter().filter(|(_, count)| **count > 0);
        let counts: Vec<_> = made.map(|(method, count)| format!("{count} {method}")).collect();
        write!(f, "requests: {}", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") })
    }
}
