//! `cargo xtask bench api`: REST and GraphQL beside PostGraphile and pgbench, on the same database.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use xtask_launcher::packages::postgres_programs;

use super::{Bench, Shared, install_packages, machine};
use crate::build::fingerprint::Fingerprint;
use crate::checkout::Checkout;
use crate::instance::{Homes, Instance};
use crate::phase::Phase;
use crate::preflight::Need;
use crate::program::Program;
use crate::test::clients::Tools;
use crate::test::postgres::{Durability, Postgres};

/// Options of `cargo xtask bench api`.
///
/// Compares the api-server, which runs as a process with a real Kubernetes API, with rivals on the same Postgres: GraphQL with PostGraphile 5, a list by
/// REST with pgbench that executes the same statement, and the start of a run with the bare creation of the object in Kubernetes. Each round
/// measures all of them in turn. Prints a table with the goals, and the statement that pgbench has executed. Also measures the time of
/// a single run by its ID, and the memory at 1,000 idle connections.
///
/// For figures to quote, nothing else may run on the machine: `cargo xtask bench api`. It compiles everything optimised the first time (about
/// 10 minutes), downloads PostGraphile (300 MB) once, and then takes about three minutes. For a quick check that it works:
/// `cargo xtask bench api --profile dev --seconds 1 --rounds 1 --runs 1000`.
#[derive(Args)]
pub(super) struct Options {
    /// Duration of each load, in seconds. A round has five, and 100 starts of runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Number of rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Number of finished runs in the database.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    runs: u32,
    #[command(flatten)]
    shared: Shared,
}

/// Folder with the list of the packages of PostGraphile.
const POSTGRAPHILE: &str = "tests/bench_api/postgraphile";
const NPM_FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// Duration of everything but the loads, with a million runs and without optimisation.
const OVERHEAD: Duration = Duration::from_secs(20 * 60);
/// Loads of a round.
const LOADS: u32 = 5;

/// Measures with a control plane and a Postgres that waits for the disk.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let measure = |phase: &mut Phase<'_>, bench: &Bench<'_>| measure(phase, bench, options);
    let (checkout, instance, phases) = &options.shared.begin(checkout, homes, verbose)?;
    install_packages(phases, &[Need::Build, Need::Postgres, Need::Pip])?;
    phases.run("download PostGraphile", |phase| Rival::new(checkout, instance)?.download(phase))?;
    options.shared.with_control_plane(phases, (checkout, instance), ("api-server", "bench_api"), measure)
}

fn measure(phase: &mut Phase<'_>, bench: &Bench<'_>, options: &Options) -> anyhow::Result<String> {
    let rival = Rival::new(bench.checkout, bench.instance)?;
    let postgres = Postgres::new(bench.instance)?.with(Durability::Full);
    let programs = postgres_programs().context("failed to find the programs of Postgres")?;
    postgres.start(phase)?;
    let program = Program::new(&bench.program)
        .dir(&bench.checkout.path("tests"))
        .env("KUBECONFIG", bench.instance.kubeconfig())
        .env("DATABASE_URL", postgres.url())
        .env("SMBCOPILOT_BENCH_PGBENCH", programs.join("pgbench"))
        .env("SMBCOPILOT_BENCH_NODE", rival.tools.node())
        .env("SMBCOPILOT_BENCH_POSTGRAPHILE", rival.packages)
        .env("SMBCOPILOT_BENCH_RUNS", options.runs.to_string())
        .env("SMBCOPILOT_BENCH_ROUNDS", options.rounds.to_string())
        .env("SMBCOPILOT_BENCH_SECONDS", options.seconds.to_string())
        .env("SMBCOPILOT_BENCH_MACHINE", machine(bench.checkout.profile)?)
        .limit(OVERHEAD + 2 * LOADS * options.rounds * Duration::from_secs(options.seconds.into()));
    let printed = phase.capture(program);
    postgres.stop(phase)?;
    printed
}

/// PostGraphile in the cache, which all instances share.
struct Rival {
    /// Programs among which is Node.js.
    tools: Tools,
    sources: PathBuf,
    /// Folder with `node_modules`.
    packages: PathBuf,
}

impl Rival {
    fn new(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Self> {
        let sources = checkout.path(POSTGRAPHILE);
        let mut fingerprint = Fingerprint::default();
        for file in NPM_FILES {
            fingerprint = fingerprint.tree(&sources.join(file))?;
        }
        let hash = fingerprint.finish();
        let packages = instance.cache.join(format!("postgraphile-{}", hash.get(..16).unwrap_or(&hash)));
        Ok(Self { tools: Tools::new(checkout, instance)?, sources, packages })
    }

    /// Downloads the packages, and those of the tools, unless the cache has them.
    fn download(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        self.tools.download(phase)?;
        if self.packages.is_dir() {
            phase.outcome("up to date");
            return Ok(());
        }
        let beside = self.packages.with_extension("new");
        let _ = std::fs::remove_dir_all(&beside); // left by a run that was killed
        std::fs::create_dir_all(&beside).with_context(|| format!("failed to create {}", beside.display()))?;
        self.tools.install_npm_packages(phase, &self.sources, &beside)?;
        std::fs::rename(&beside, &self.packages).context("failed to move the packages to the cache")
    }
}
