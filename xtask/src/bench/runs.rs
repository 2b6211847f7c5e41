//! `cargo xtask bench runs`: latency and writes of runs, beside the machine's lower bound measured in the same run.

use std::time::Duration;

use clap::Args;

use super::{Bench, Shared, machine};
use crate::checkout::Checkout;
use crate::cluster::boot::Mode;
use crate::instance::Homes;
use crate::phase::Phase;
use crate::program::Program;

/// Options of `cargo xtask bench runs`.
#[derive(Args)]
pub(super) struct Options {
    /// Number of runs of each kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    #[command(flatten)]
    shared: Shared,
}

/// Twenty runs of each kind take about two minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Measures on a node with an audit log, from which writes are counted.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let measure = |phase: &mut Phase<'_>, bench: &Bench<'_>| measure(phase, bench, options.runs);
    options.shared.with_node((checkout, homes, verbose), Mode::AuditedNode, "bench_runs", measure)
}

fn measure(phase: &mut Phase<'_>, bench: &Bench<'_>, runs: u32) -> anyhow::Result<String> {
    let audit = bench.instance.kube_state().join("logs/audit.jsonl");
    let program = Program::new(&bench.program)
        .dir(&bench.checkout.path("tests"))
        .env("KUBECONFIG", bench.instance.kubeconfig())
        .env("SMBCOPILOT_BENCH_RUNS", runs.to_string())
        .env("SMBCOPILOT_BENCH_AUDIT", audit)
        .env("SMBCOPILOT_BENCH_MACHINE", machine(bench.checkout.profile)?)
        .limit(LIMIT);
    phase.capture(program)
}
