//! Benchmark of the operator with many tenants: the time until they are ready, after a change of their plan and after a restart,
//! with the requests and the memory that each takes. Started by `cargo xtask bench tenants`.

mod metrics;
mod rate;
mod tenants;

use std::{
    io::Write as _,
    net::TcpListener,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use kube::Client;
use tests::{cluster, environment::variable, operator_process::OperatorProcess, percentile::percentile_ms};

use self::{
    metrics::{Durations, Metrics, Requests},
    rate::Rate,
    tenants::Tenants,
};

/// Tenants that are created one after the other.
const ALONE: usize = 20;
/// Time for which the idle operator is observed.
const IDLE: Duration = Duration::from_secs(60);
const LEASE: &str = "operator-of-the-benchmark";
/// Goal for the memory of the operator, in bytes.
const MEMORY_GOAL: u64 = 80_000_000;

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> anyhow::Result<()> {
    let count: usize =
        variable("SMBCOPILOT_BENCH_TENANTS")?.parse().context("SMBCOPILOT_BENCH_TENANTS is not a number")?;
    let client = cluster::client().await?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let metrics = Metrics::new(&address);
    tenants::until_objects_are_counted(&client).await?;
    let operator = start(&client, &address).await?;
    let tenants = Tenants::new(&client).await?;
    print(&format!("{count} tenants, control plane only; {}\n", variable("SMBCOPILOT_BENCH_MACHINE")?));

    let mut alone = Vec::new();
    for index in 0..ALONE {
        alone.push(tenants.create_and_wait(&format!("alone-{index}")).await?);
    }
    let (p50, p95) = (percentile_ms(&alone, 50), percentile_ms(&alone, 95));
    let verdict = goal("p50 at most 1 s", p50 <= 1_000.0);
    print(&format!("one tenant alone, until Ready: p50 {p50:.0} ms, p95 {p95:.0} ms; {verdict}"));

    let all = ALONE + count;
    let phase = Phase::begin(&metrics, &operator).await?;
    tenants.create_many(count).await?;
    tenants.until_all_ready(all).await?;
    let measured = phase.end("from nothing, until all are Ready", count).await?;
    print(&format!("  {}", goal("at most 120 s", measured.seconds <= 120.0)));

    let phase = Phase::begin(&metrics, &operator).await?;
    let generation = tenants.change_plan().await?;
    tenants.until_all_have_plan(all, generation).await?;
    let measured = phase.end("a change of their plan, until all have it", all).await?;
    print(&format!("  {}", goal("at most 60 s", measured.seconds <= 60.0)));

    metrics.until_quiet().await?;
    let phase = Phase::begin(&metrics, &operator).await?;
    tokio::time::sleep(IDLE).await;
    let measured = phase.end("idle", all).await?;
    let is_idle = measured.requests.writes() == 0 && measured.requests.total() < IDLE.as_secs();
    print(&format!("  {}", goal("no write, less than one request a second", is_idle)));

    drop(operator);
    let before = tenants.versions().await?;
    let begun = Instant::now();
    let operator = start(&client, &address).await?;
    metrics.until_reconciled("tenant", all).await?;
    print(&format!("a restart, until all are reconciled: {:.1} s", begun.elapsed().as_secs_f64()));
    let requests = metrics.requests().await?;
    print(&format!("  {requests}; reconciles {}", metrics.durations("tenant").await?));
    let changed = tenants.versions().await?.changed_since(&before);
    let has_written = requests.changes() > 0 || changed > 0;
    print(&format!(
        "  {changed} tenants, children and Events are new or changed; {}",
        goal("0 writes", !has_written)
    ));
    let peak = operator.peak_memory()?;
    print(&format!("  operator: peak {} MiB; {}", peak >> 20, goal("at most 80 MB", peak <= MEMORY_GOAL)));
    Ok(())
}

async fn start(client: &Client, address: &str) -> anyhow::Result<OperatorProcess> {
    OperatorProcess::start(client, LEASE, address).await
}

/// Returns a goal, and whether it was reached.
fn goal(what: &str, is_reached: bool) -> String {
    format!("goal {what}: {}", if is_reached { "reached" } else { "MISSED" })
}

/// A part of the benchmark whose duration and requests are measured.
struct Phase<'a> {
    metrics: &'a Metrics,
    operator: &'a OperatorProcess,
    begun: Instant,
    requests: Requests,
    durations: Durations,
    /// Highest number of requests in a second.
    rate: Rate,
}

/// Result of a part.
struct Measured {
    seconds: f64,
    requests: Requests,
}

impl<'a> Phase<'a> {
    async fn begin(metrics: &'a Metrics, operator: &'a OperatorProcess) -> anyhow::Result<Self> {
        let (requests, durations) = (metrics.requests().await?, metrics.durations("tenant").await?);
        let rate = Rate::observe(metrics.clone());
        Ok(Self { metrics, operator, begun: Instant::now(), requests, durations, rate })
    }

    /// Prints what was measured. The time ends now.
    async fn end(self, what: &str, tenants: usize) -> anyhow::Result<Measured> {
        let Self { metrics, operator, begun, requests, durations, rate } = self;
        let seconds = begun.elapsed().as_secs_f64();
        let (most, requests) = (rate.end().await?, metrics.requests().await?.since(&requests));
        let durations = metrics.durations("tenant").await?.since(&durations);
        print(&format!("{what}: {seconds:.1} s"));
        let per_tenant = requests.per(tenants);
        print(&format!("  {requests}; {per_tenant:.1} a tenant, at most {most} in a second"));
        print(&format!("  reconciles {durations}"));
        print(&format!("  operator: peak {} MiB", operator.peak_memory()? >> 20));
        Ok(Measured { seconds, requests })
    }
}

/// Prints a line; a closed pipe is ignored.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
