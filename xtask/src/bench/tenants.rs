//! `cargo xtask bench tenants`: time until many tenants are ready, after a change of their plan and after a restart of the
//! operator, with the requests and the memory that each takes.

use std::time::Duration;

use clap::Args;

use super::{Bench, Shared, machine};
use crate::checkout::Checkout;
use crate::instance::Homes;
use crate::phase::Phase;
use crate::program::Program;

/// Options of `cargo xtask bench tenants`.
#[derive(Args)]
pub(super) struct Options {
    /// Number of tenants.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    tenants: u32,
    #[command(flatten)]
    shared: Shared,
}

/// A thousand tenants take about five minutes.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Measures on a control plane without a node.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let measure = |phase: &mut Phase<'_>, bench: &Bench<'_>| measure(phase, bench, options.tenants);
    let (checkout, instance, phases) = &options.shared.begin(checkout, homes, verbose)?;
    options.shared.with_control_plane(phases, (checkout, instance), ("operator", "bench_tenants"), measure)
}

fn measure(phase: &mut Phase<'_>, bench: &Bench<'_>, tenants: u32) -> anyhow::Result<String> {
    let program = Program::new(&bench.program)
        .dir(&bench.checkout.path("tests"))
        .env("KUBECONFIG", bench.instance.kubeconfig())
        .env("SMBCOPILOT_BENCH_TENANTS", tenants.to_string())
        .env("SMBCOPILOT_BENCH_MACHINE", machine(bench.checkout.profile)?)
        .limit(LIMIT);
    phase.capture(program)
}
