//! `cargo xtask bench authorization`: decisions, explanations and lists in a tenant with many users and policies.

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

/// Options of `cargo xtask bench authorization`.
///
/// Measures, in a tenant with 10,000 users and 1,000 policies: what authorization adds to a request in the process, without conditions and with ten
/// policies with conditions; explanations of decisions over HTTP, with a real Postgres; and lists of workflows, users and policies. Prints
/// a table with the goals.
///
/// For figures to quote, nothing else may run on the machine: `cargo xtask bench authorization`. It compiles everything optimised the first time
/// (about 10 minutes), and then takes half a minute. For a quick check that it works: `cargo xtask bench authorization --profile dev --requests 20`.
#[derive(Args)]
pub(super) struct Options {
    /// Number of requests of each kind.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=900))]
    requests: u32,
    /// Cargo profile of the programs; do not quote times measured with `dev`.
    #[arg(long, default_value = "release")]
    profile: Profile,
}

/// Ten times what it takes without optimisation.
const LIMIT: Duration = Duration::from_secs(20 * 60);

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
        executables::build(phase, checkout, &["--test", "bench_authorization"])
    })?;
    let program = programs.iter().find(|program| program.target == "bench_authorization");
    let path = program.context("failed to find the program of the benchmark")?.path();
    phases.run("start Postgres", |phase| postgres.start(phase))?;
    let program = Program::new(path)
        .dir(&checkout.path("tests"))
        .env("DATABASE_URL", postgres.url())
        .env("SMBCOPILOT_BENCH_REQUESTS", options.requests.to_string())
        .env("SMBCOPILOT_BENCH_MACHINE", super::machine(options.profile)?)
        .limit(LIMIT);
    let printed = phases.run("measure", |phase| phase.capture(program));
    phases.run("stop Postgres", |phase| postgres.stop(phase))?;
    print(&printed?);
    Ok(())
}
