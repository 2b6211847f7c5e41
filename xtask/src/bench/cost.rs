//! `cargo xtask bench cost`: the slowest of what a tenant can write, known attacks and generated cases, on one core.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::checkout::{Checkout, Profile};
use crate::instance::{Homes, Instance};
use crate::phase::{Phases, print};
use crate::program::Program;
use crate::test::executables;

/// Options of `cargo xtask bench cost`.
#[derive(Args)]
pub(super) struct Options {
    /// Cargo profile of the programs; do not quote times measured with `dev`.
    #[arg(long, default_value = "release")]
    profile: Profile,
}

/// Ten times the minute that the benchmark spends on generated cases.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Builds and runs the benchmark, which needs no cluster, and prints the slowest cases.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let checkout = &checkout.with(options.profile);
    let instance = Instance::new(checkout, homes, "bench")?;
    let phases = Phases::new(&instance.log("bench"), verbose)?;
    let programs = phases
        .run("build the benchmark", |phase| executables::build(phase, checkout, &["--test", "cost"]))?;
    let program = programs.iter().find(|program| program.target == "cost");
    let path = program.context("failed to find the program of the benchmark")?.path();
    let program = Program::new(path)
        .dir(&checkout.path("domain"))
        .args(["--ignored", "--nocapture", "slowest_cases"])
        .limit(LIMIT);
    let printed = phases.run("measure", |phase| phase.capture(program))?;
    print(&format!("{printed}\n{}\n", super::machine(options.profile)?));
    Ok(())
}
