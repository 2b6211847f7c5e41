//! `cargo xtask bench mirror`: objects per second and lag of the mirror, with a real Postgres and a generated Kubernetes API.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::checkout::{Checkout, Profile};
use crate::instance::{Homes, Instance};
use crate::phase::{Phases, print};
use crate::preflight::Need;
use crate::program::Program;
use crate::test::executables;
use crate::test::postgres::{Durability, Postgres};

/// Options of `cargo xtask bench mirror`.
///
/// A mirror reads generated tenants and runs from a Kubernetes API that answers at once, and stores them in a real Postgres. Prints the objects
/// per second of a first list and of the same list again, and the time until a change is in the database: while nothing else changes,
/// beside 500 changes a second, and beside another tenant that changes all it has.
///
/// For figures to quote, nothing else may run on the machine: `cargo xtask bench mirror`. It compiles everything optimised the first time (about
/// 10 minutes), and then takes about two minutes. For a quick check that it works: `cargo xtask bench mirror --profile dev --runs 2000 --seconds 3`.
#[derive(Args)]
pub(super) struct Options {
    /// Number of runs.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    runs: u32,
    /// Time for which each of three lags is measured, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Cargo profile of the programs; do not quote figures measured with `dev`.
    #[arg(long, default_value = "release")]
    profile: Profile,
}

/// A hundred thousand runs take about two minutes, and a million without optimisation half an hour.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Builds and runs the benchmark, which needs no cluster, with a Postgres that waits for the disk.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let checkout = &checkout.with(options.profile);
    let instance = Instance::new(checkout, homes, "bench")?;
    let phases = Phases::new(&instance.log("bench"), verbose)?;
    super::install_packages(&phases, &[Need::Build, Need::Postgres])?;
    let postgres = Postgres::new(&instance)?.with(Durability::Full);
    let programs = phases.run("build the benchmark", |phase| {
        executables::build(phase, checkout, &["--test", "bench_mirror"])
    })?;
    let program = programs.iter().find(|program| program.target == "bench_mirror");
    let path = program.context("failed to find the program of the benchmark")?.path();
    phases.run("start Postgres", |phase| postgres.start(phase))?;
    let program = Program::new(path)
        .dir(&checkout.path("tests"))
        .env("DATABASE_URL", postgres.url())
        .env("SMBCOPILOT_BENCH_RUNS", options.runs.to_string())
        .env("SMBCOPILOT_BENCH_SECONDS", options.seconds.to_string())
        .env("SMBCOPILOT_BENCH_MACHINE", super::machine(options.profile)?)
        .limit(LIMIT);
    let printed = phases.run("measure", |phase| phase.capture(program));
    phases.run("stop Postgres", |phase| postgres.stop(phase))?;
    print(&printed?);
    Ok(())
}
