//! Benchmark of a tenant whose neighbour attacks the platform: latency of its runs and requests, alone and beside
//! each attack, restarts and memory of operator and api-server, and the answers to the attacker. Started by
//! `cargo xtask bench neighbours`.

mod answers;
mod attack;
mod attacker;
mod clean_up;
mod neighbour;
mod platform;
mod series;
mod table;

use std::{io, io::Write as _, process::ExitCode, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use tests::{cluster, environment::variable, scenario::apply_tenant};
use tokio::runtime::{Builder, Handle, Runtime};

use attack::Attack;
use attacker::Attacker;
use neighbour::{Latencies, Neighbour};
use platform::Platform;
use table::Row;

/// Slugs of the tenants, as in the tokens from xtask.
const NEIGHBOUR: &str = "neighbour";
const ATTACKER: &str = "attacker";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let attackers = attacker_runtime().context("failed to start the threads of the attacker")?;
    Runtime::new()?.block_on(bench(attackers.handle()))
}

/// Returns a runtime for the attacker's clients whose threads have the lowest priority: the clients of a real attacker are on
/// another machine, and take no processor from the platform.
fn attacker_runtime() -> io::Result<Runtime> {
    // On Linux, the priority is that of the calling thread.
    let lower = || {
        let _ = rustix::process::nice(19);
    };
    Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(lower).build()
}

async fn bench(attackers: &Handle) -> anyhow::Result<()> {
    let seconds = variable("SMBCOPILOT_BENCH_SECONDS")?;
    let duration = seconds.parse().map(Duration::from_secs).context("the duration is not a number")?;
    let attacks = Attack::parse_list(&variable("SMBCOPILOT_BENCH_ATTACKS")?)?;
    let client = cluster::client().await?;
    let platform = Platform::new(client.clone());
    let roomy = json!({"limits": {"apiRequestsPerMinute": 60_000, "runsPerDay": 1_000_000}});
    let namespace = apply_tenant(&client, NEIGHBOUR, &roomy).await?;
    let mut neighbour = Neighbour::prepare(&namespace).await?;
    let namespace = apply_tenant(&client, ATTACKER, &attacker_plan()).await?;
    let attacker = attackers.spawn(Attacker::new(client, namespace, duration)).await??;

    let alone = measure(&mut neighbour, &platform, None, (&attacker, attackers), "alone", duration).await?;
    progress(&table::row(&alone, &alone));
    let (mut rows, mut failure) = (vec![], None);
    for attack in attacks {
        match measure(
            &mut neighbour,
            &platform,
            Some(attack),
            (&attacker, attackers),
            attack.name(),
            duration,
        )
        .await
        {
            Ok(row) => {
                progress(&format!("{}{}", table::row(&row, &alone), table::details(&row)));
                rows.push(row);
            }
            Err(error) => {
                failure = Some(format!("stopped at the attack {}: {error:#}", attack.name()));
                break;
            }
        }
    }
    let machine = variable("SMBCOPILOT_BENCH_MACHINE")?;
    print(&table::report(&machine, duration, &alone, &rows));
    if let Some(failure) = failure {
        print(&failure);
    }
    Ok(())
}

/// Limits of the attacker's plan, those of the example `starter`.
fn attacker_plan() -> serde_json::Value {
    json!({
        "limits": {"workflows": 50, "concurrentRuns": 5, "queuedRuns": 500, "runsPerDay": 10_000,
                   "apiRequestsPerMinute": 600, "storageBytes": "5Gi"},
        "namespace": {"requests": {"cpu": "2", "memory": "4Gi", "ephemeralStorage": "10Gi"}, "pods": 20},
    })
}

/// Measures the neighbour beside an attack, or alone, and removes what the attack has created.
async fn measure(
    neighbour: &mut Neighbour,
    platform: &Platform,
    attack: Option<Attack>,
    (attacker, attackers): (&Attacker, &Handle),
    name: &'static str,
    duration: Duration,
) -> anyhow::Result<Row> {
    progress(&format!("{name}: preparation"));
    neighbour.wait_until_served().await.context("the platform does not recover")?;
    let before = platform.observe().await?;
    let sampler = platform.sample(&before);
    let latencies = match attack {
        None => neighbour.measure(duration).await,
        Some(attack) => beside(neighbour, attack, (attacker, attackers), duration).await,
    };
    progress(&format!("{name}: cleaning up"));
    let mut answers = Vec::new();
    if attack.is_some() {
        answers = attacker.clean_up().await.context("failed to remove the objects of the attack")?;
        neighbour.wait_until_served().await.context("the platform does not recover")?;
    }
    let after = platform.observe().await?;
    let peak = sampler.stop().await;
    Ok(Row { name, latencies, before, peak, after, answers })
}

async fn beside(
    neighbour: &mut Neighbour,
    attack: Attack,
    (attacker, attackers): (&Attacker, &Handle),
    duration: Duration,
) -> Latencies {
    // On threads of their own, so that the attacker's requests do not delay the measurement.
    let flood = match attack.prepare(attacker).await {
        Ok(flood) => Some(attackers.spawn(flood)),
        Err(error) => {
            attacker.answers.add(&format!("preparation failed: {error:#}"));
            None
        }
    };
    progress(&format!("{}: measurement", attack.name()));
    let latencies = neighbour.measure(duration).await;
    if let Some(flood) = flood {
        flood.abort();
    }
    latencies
}

/// Prints a line to standard error, which xtask shows and logs; a closed pipe is ignored.
fn progress(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a line to standard output, which xtask prints at the end; a closed pipe is ignored.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
