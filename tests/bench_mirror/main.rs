//! Benchmark of the mirror: a list into an empty database, the same list again, the lag at a steady rate of changes, and the lag of one
//! tenant while another one changes as much as it can. Started by `cargo xtask bench mirror`.

mod kubernetes;
mod lag;
mod platform;

use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tests::environment::variable;

use self::{
    kubernetes::Kubernetes,
    lag::{Load, measure},
    platform::Platform,
};

/// Number of tenants.
const TENANTS: usize = 100;
/// Changes per second of all tenants together.
const RATE: u32 = 500;

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard output is the result of a benchmark that has succeeded.
            let _ = std::io::stderr().write_all(format!("{error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> anyhow::Result<()> {
    let runs: usize =
        variable("SMBCOPILOT_BENCH_RUNS")?.parse().context("SMBCOPILOT_BENCH_RUNS is not a number")?;
    let seconds =
        variable("SMBCOPILOT_BENCH_SECONDS")?.parse().context("SMBCOPILOT_BENCH_SECONDS is not a number")?;
    let duration = Duration::from_secs(seconds);
    print(&format!("{runs} runs of {TENANTS} tenants; {}\n", variable("SMBCOPILOT_BENCH_MACHINE")?));
    let (kubernetes, address) = Kubernetes::start(TENANTS, runs).await?;
    let platform = Platform::create(address, runs).await?;

    let started = Instant::now();
    let running = platform.start_mirror().await?;
    print_list("list of all runs into an empty database", started.elapsed(), runs, " (goal 3000 objects/s)");
    running.stop().await?;
    let started = Instant::now();
    let running = platform.start_mirror().await?;
    print_list(
        "the same list again, without a change",
        started.elapsed(),
        runs,
        " (goal 20 s for 100000 runs)",
    );
    platform.wait_for_watch(&kubernetes).await?;

    let idle = measure(&kubernetes, &platform.owner, Load::None, duration).await?;
    print(&format!("lag of a change, nothing else changing: {idle}\n"));
    let steady = measure(&kubernetes, &platform.owner, Load::AllTenants { rate: RATE }, duration).await?;
    print(&format!("lag of a change, {RATE} changes/s of all tenants: {steady} (goal p99 50 ms)\n"));
    let flood =
        measure(&kubernetes, &platform.owner, Load::OtherTenant { tenants: TENANTS }, duration).await?;
    print(&format!(
        "lag of one tenant's change, another tenant changing all it has: {flood} (goal 100 ms more)\n"
    ));
    running.stop().await
}

fn print_list(what: &str, took: Duration, objects: usize, goal: &str) {
    let seconds = took.as_secs_f64();
    let rate = u32::try_from(objects).map(f64::from).unwrap_or_default() / seconds;
    print(&format!("{what}: {seconds:.1} s, {rate:.0} objects/s{goal}\n"));
}

fn print(text: &str) {
    // A reader that has gone away does not change the result.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
