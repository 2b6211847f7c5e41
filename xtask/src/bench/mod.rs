//! `cargo xtask bench`: benchmarks, each in a separate node that is removed afterwards.

mod api;
mod authorization;
mod cost;
mod mirror;
mod neighbours;
mod runs;
mod tenants;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::build::{go, rust};
use crate::chart;
use crate::checkout::{Checkout, Profile};
use crate::cluster::Cluster;
use crate::cluster::boot::{self, Data, Mode};
use crate::instance::{Homes, Instance};
use crate::phase::{Phase, Phases, print};
use crate::preflight::{self, Need};
use crate::test::executables;
use crate::up;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Measure workflow runs of three steps: cold and warm latency, and the number of writes.
    Runs(runs::Options),
    /// Measure the latency of one tenant's runs and requests while another tenant attacks the platform.
    Neighbours(neighbours::Options),
    /// Measure many tenants: the time until they are ready, and after a change of their plan and a restart of the operator.
    Tenants(tenants::Options),
    /// Measure the mirror: objects per second of a list, and the time until a change is in the database, also during a flood of changes.
    Mirror(mirror::Options),
    /// Measure REST and GraphQL beside PostGraphile and pgbench on the same database, and the memory of idle connections.
    Api(api::Options),
    /// Measure what authorization adds to a request, and explanations in a tenant with 10,000 users and 1,000 policies.
    Authorization(authorization::Options),
    /// Measure the most expensive expressions, schemas and workflows that a tenant can write, on one core.
    Cost(cost::Options),
}

/// Options that all benchmarks share.
#[derive(Args)]
struct Shared {
    /// Cargo profile of the programs; do not quote latencies measured with `dev`.
    #[arg(long, default_value = "release")]
    profile: Profile,
    /// Leave the cluster running afterwards.
    #[arg(long)]
    keep: bool,
}

/// A booted node with the product, and the program that measures it.
struct Bench<'a> {
    checkout: &'a Checkout,
    instance: &'a Instance,
    program: PathBuf,
}

/// Runs the benchmark and prints its results.
pub(crate) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    match &options.subject {
        Subject::Runs(options) => runs::run(checkout, homes, options, verbose),
        Subject::Neighbours(options) => neighbours::run(checkout, homes, options, verbose),
        Subject::Tenants(options) => tenants::run(checkout, homes, options, verbose),
        Subject::Mirror(options) => mirror::run(checkout, homes, options, verbose),
        Subject::Api(options) => api::run(checkout, homes, options, verbose),
        Subject::Authorization(options) => authorization::run(checkout, homes, options, verbose),
        Subject::Cost(options) => cost::run(checkout, homes, options, verbose),
    }
}

impl Shared {
    /// Starts a separate node, calls `measure`, removes the node, and prints the returned text.
    fn with_node(
        &self,
        (checkout, homes, verbose): (&Checkout, &Homes, bool),
        mode: Mode,
        target: &str,
        measure: impl FnOnce(&mut Phase<'_>, &Bench<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let (checkout, instance, phases) = &self.begin(checkout, homes, verbose)?;
        up::build_and_boot(phases, checkout, instance, mode, Data::Purge)?;
        up::install_local(phases, checkout, instance)?;
        self.measure(phases, (checkout, instance), target, measure)
    }

    /// Like [`Self::with_node`], with a control plane alone and one program of the product beside the benchmark.
    fn with_control_plane(
        &self,
        phases: &Phases,
        (checkout, instance): (&Checkout, &Instance),
        (program, target): (&str, &str),
        measure: impl FnOnce(&mut Phase<'_>, &Bench<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
        phases.run(&format!("build the {program}"), |phase| rust::build(phase, checkout, &[program]))?;
        phases.run("start a control plane", |phase| {
            boot::down(phase, checkout, &instance.kube_state(), Data::Purge)?;
            boot::up(phase, checkout, instance, Mode::ControlPlane)
        })?;
        let cluster = Cluster::local(checkout, instance);
        phases.run("install both charts", |phase| {
            chart::install_crds(phase, checkout, &cluster)?;
            chart::install(phase, checkout, &cluster, &chart::Values::local(instance)?)
        })?;
        self.measure(phases, (checkout, instance), target, measure)
    }

    /// Returns the checkout with the profile, the instance of benchmarks, and its phases. Announces a long build.
    fn begin(
        &self,
        checkout: &Checkout,
        homes: &Homes,
        verbose: bool,
    ) -> anyhow::Result<(Checkout, Instance, Phases)> {
        let checkout = checkout.with(self.profile);
        let instance = Instance::new(&checkout, homes, "bench")?;
        let phases = Phases::new(&instance.log("bench"), verbose)?;
        if self.profile == Profile::Release && !rust::program(&checkout, "operator").exists() {
            print("will build all programs with cargo, optimised: about 10 minutes the first time\n");
        }
        Ok((checkout, instance, phases))
    }

    /// Builds the benchmark, calls `measure`, removes the cluster, and prints the returned text.
    fn measure(
        &self,
        phases: &Phases,
        (checkout, instance): (&Checkout, &Instance),
        target: &str,
        measure: impl FnOnce(&mut Phase<'_>, &Bench<'_>) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let programs = phases
            .run("build the benchmark", |phase| executables::build(phase, checkout, &["--test", target]))?;
        let program = programs.iter().find(|program| program.target == target);
        let program = program.context("failed to find the program of the benchmark")?.path().to_owned();
        let bench = Bench { checkout, instance, program };
        let printed = phases.run("measure", |phase| measure(phase, &bench));
        if !self.keep {
            phases.run("remove the cluster", |phase| {
                boot::down(phase, checkout, &instance.kube_state(), Data::Purge)
            })?;
        }
        print(&printed?);
        Ok(())
    }
}

/// Installs the packages that a benchmark without a node needs.
fn install_packages(phases: &Phases, needs: &[Need]) -> anyhow::Result<()> {
    phases.run("install missing packages", |phase| preflight::install(phase, &preflight::missing(needs)))
}

/// Returns a description of the machine and the profile, which every figure is quoted with.
fn machine(profile: Profile) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().context("failed to count cores")?;
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, name)| name);
    Ok(format!("{cores} cores of {model}; programs built with the profile {}", profile.name()))
}
