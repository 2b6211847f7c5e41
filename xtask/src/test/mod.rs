//! `cargo xtask test`: runs tiers of tests and compares each with its time budget.

mod cargo;
mod chart;
pub(crate) mod clients;
mod clusters;
pub(crate) mod executables;
mod libtest;
mod lint;
pub(crate) mod postgres;
mod promtool;
mod python;
pub(crate) mod qdrant;
mod s3;
mod tier;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::checkout::Checkout;
use crate::instance::{Homes, Instance};
use crate::phase::{Phases, print};
use crate::preflight::{self, Need};
use clusters::Clusters;
use executables::Executable;
use libtest::Tally;
use postgres::Postgres;
use tier::Tier;

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Tiers to run [default: all].
    tiers: Vec<Tier>,
    /// Run only those tests and scenarios of the tiers whose names contain this text [default: all].
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Leave the test clusters running afterwards. Ignored on CI.
    #[arg(long)]
    keep: bool,
    /// Set on CI.
    #[arg(long, env = "CI", hide = true, value_parser = clap::builder::FalseyValueParser::new())]
    ci: bool,
    /// Minimum number of requests of Schemathesis; `None` for those of a test.
    #[arg(skip)]
    schemathesis: Option<u32>,
}

impl Options {
    /// Returns the options of a long run of Schemathesis alone.
    pub(crate) fn for_schemathesis(requests: u32) -> Self {
        Self {
            tiers: vec![Tier::ControlPlane],
            filter: Some("schemathesis".to_owned()),
            keep: false,
            ci: false,
            schemathesis: Some(requests),
        }
    }
}

/// What tiers share: created when the first of them needs it, stopped after the last.
pub(crate) struct Session<'a> {
    checkout: &'a Checkout,
    executables: Option<Vec<Executable>>,
    /// Text that the names of the tests to run contain.
    filter: Option<&'a str>,
    /// Minimum number of requests of Schemathesis; `None` for those of a test.
    schemathesis: Option<u32>,
    postgres: Postgres,
    s3: s3::Server,
    qdrant: qdrant::Server,
    cedar: python::Packages,
    scim: python::Packages,
    clients: clients::Tools,
    clusters: Clusters<'a>,
}

/// Runs the tiers and prints `N passed, N failed` as the last line. The exit code is 0 if all tests passed.
///
/// # Errors
/// Returns an error if the machine does not meet the requirements.
pub(crate) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<ExitCode> {
    let instance = Instance::new(checkout, homes, "test")?;
    let phases = Phases::new(&instance.log("test"), verbose)?;
    let tiers = if options.tiers.is_empty() { Tier::ALL.to_vec() } else { options.tiers.clone() };
    prepare(&phases, &tiers)?;
    let mut session = Session {
        checkout,
        executables: None,
        filter: options.filter.as_deref(),
        schemathesis: options.schemathesis,
        postgres: Postgres::new(&instance)?,
        s3: s3::Server::new(&instance),
        qdrant: qdrant::Server::new(checkout, &instance)?,
        cedar: python::Packages::cedar(checkout, &instance)?,
        scim: python::Packages::scim(checkout, &instance)?,
        clients: clients::Tools::new(checkout, &instance)?,
        clusters: Clusters::new(checkout, homes)?,
    };
    let mut sum = Tally::default();
    for tier in tiers {
        sum += run_tier(&phases, &mut session, tier);
    }
    finish(&phases, &session, options)?;
    print(&format!("{} passed, {} failed\n", sum.passed, sum.failed));
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn prepare(phases: &Phases, tiers: &[Tier]) -> anyhow::Result<()> {
    let needs: Vec<Need> = tiers.iter().flat_map(|tier| tier.needs()).copied().collect();
    if needs.is_empty() {
        return Ok(());
    }
    phases.run("install missing packages", |phase| {
        preflight::check(&needs)?;
        preflight::install(phase, &preflight::missing(&needs))
    })
}

/// Runs one tier. A tier that cannot be run counts as one failure, and the others still run.
fn run_tier(phases: &Phases, session: &mut Session<'_>, tier: Tier) -> Tally {
    if let Err(error) = tier.prepare(phases, session) {
        print(&format!("{error:#}\n"));
        return Tally::FAILED;
    }
    let started = Instant::now();
    let result = phases.run(&format!("test {}", tier.name()), |phase| {
        let report = tier.run(phase, session)?;
        let budget = tier.budget();
        let over = if started.elapsed() > budget { ", OVER BUDGET" } else { "" };
        let outcome = format!("{} (budget {} s{over})", report.tally, budget.as_secs());
        match report.tally.failed {
            0 => phase.outcome(outcome),
            _ => phase.outcome_failed(outcome),
        }
        Ok(report)
    });
    match result {
        Ok(report) => {
            print(&report.results);
            print(&report.failures);
            report.tally
        }
        Err(error) => {
            print(&format!("{error:#}\n"));
            Tally::FAILED
        }
    }
}

fn finish(phases: &Phases, session: &Session<'_>, options: &Options) -> anyhow::Result<()> {
    phases.run("clean up", |phase| {
        session.postgres.stop(phase)?;
        if options.keep && !options.ci {
            phase.outcome(
                "left running; stop with `cargo xtask down --instance test` (and test-cp, test-gitops)",
            );
            return Ok(());
        }
        session.clusters.remove(phase)
    })
}
