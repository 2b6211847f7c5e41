//! `cargo xtask bench`: benchmarks, each beside the machine's lower bound measured in the same run.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::build::rust;
use crate::checkout::{Checkout, Profile};
use crate::cluster::boot::{self, Data, Mode};
use crate::instance::{Homes, Instance};
use crate::phase::{Phase, Phases, print};
use crate::program::Program;
use crate::test::executables;
use crate::up;

/// A benchmark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Subject {
    /// Workflow runs of three steps: cold and warm latency, and the number of writes.
    Runs,
}

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// What to measure.
    subject: Subject,
    /// Number of runs of each kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Cargo profile of the programs; do not quote figures measured with `dev`.
    #[arg(long, default_value = "release")]
    profile: Profile,
    /// Leave the cluster running afterwards.
    #[arg(long)]
    keep: bool,
}

/// Twenty runs of each kind take about two minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Starts a separate node with an audit log, runs the benchmark, and removes the node.
pub(crate) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let Subject::Runs = options.subject;
    let checkout = &checkout.with(options.profile);
    let instance = Instance::new(checkout, homes, "bench")?;
    let phases = Phases::new(&instance.log("bench"), verbose)?;
    if options.profile == Profile::Release && !rust::program(checkout, "operator").exists() {
        print("will build all programs with cargo, optimised: about 10 minutes the first time\n");
    }
    up::build_and_boot(&phases, checkout, &instance, Mode::AuditedNode, Data::Purge)?;
    up::install_local(&phases, checkout, &instance)?;
    let programs = phases
        .run("build the benchmark", |phase| executables::build(phase, checkout, &["--test", "bench_runs"]))?;
    let program = programs.iter().find(|it| it.target == "bench_runs");
    let program = program.context("failed to find the program of the benchmark")?.path().to_owned();
    let printed = phases.run("measure", |phase| measure(phase, checkout, &instance, &program, options.runs));
    if !options.keep {
        phases.run("remove the node", |phase| {
            boot::down(phase, checkout, &instance.kube_state(), Data::Purge)
        })?;
    }
    print(&printed?);
    Ok(())
}

fn measure(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
    program: &Path,
    runs: u32,
) -> anyhow::Result<String> {
    let audit = instance.kube_state().join("logs/audit.jsonl");
    let program = Program::new(program)
        .dir(&checkout.path("tests"))
        .env("KUBECONFIG", instance.kubeconfig())
        .env("SMBCOPILOT_BENCH_RUNS", runs.to_string())
        .env("SMBCOPILOT_BENCH_AUDIT", audit)
        .env("SMBCOPILOT_BENCH_MACHINE", machine(checkout.profile)?)
        .limit(LIMIT);
    phase.capture(program)
}

/// Returns a description of the machine and the profile, which every figure is quoted with.
fn machine(profile: Profile) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().context("failed to count cores")?;
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, name)| name);
    Ok(format!("{cores} cores of {model}; programs built with the profile {}", profile.name()))
}
