//! The tiers of tests: requirements, time budget and content of each.

use std::time::Duration;

use clap::ValueEnum;

use super::executables::{self, Select};
use super::libtest::Report;
use super::{Session, cargo, chart};
use crate::generate;
use crate::phase::{Phase, Phases};
use crate::preflight::Need;

/// A tier of tests, from fast to slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Tier {
    /// Formatting of Rust.
    Fmt,
    /// Names, and the import order of modules.
    Lint,
    /// Lints, warnings denied.
    Clippy,
    /// Generated files are up to date.
    Generated,
    /// Tests and formatting of the Go programs.
    Go,
    /// Unit tests, without external services.
    Unit,
    /// Tests of the api-server with a real Postgres.
    Postgres,
    /// Scenarios with a real API server, without pods.
    ControlPlane,
    /// Scenarios of `tests/scenarios`, in real pods.
    Scenarios,
    /// Further tests with a real node; the last of them stop parts of it.
    Node,
    /// Helm chart: lint, rendering, upgrade.
    Chart,
}

impl Tier {
    /// All tiers in the order in which they run.
    pub(super) const ALL: [Tier; 11] = [
        Tier::Fmt,
        Tier::Lint,
        Tier::Clippy,
        Tier::Generated,
        Tier::Go,
        Tier::Unit,
        Tier::Postgres,
        Tier::ControlPlane,
        Tier::Chart,
        Tier::Scenarios,
        Tier::Node,
    ];

    /// Returns the name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Tier::Fmt => "fmt",
            Tier::Lint => "lint",
            Tier::Clippy => "clippy",
            Tier::Generated => "generated",
            Tier::Go => "go",
            Tier::Unit => "unit",
            Tier::Postgres => "postgres",
            Tier::ControlPlane => "control-plane",
            Tier::Scenarios => "scenarios",
            Tier::Node => "node",
            Tier::Chart => "chart",
        }
    }

    /// Returns the time budget on two cores with warm caches. A cold clippy also checks all dependencies, and the first
    /// tier that builds programs compiles them.
    pub(super) fn budget(self) -> Duration {
        Duration::from_secs(match self {
            Tier::Fmt | Tier::Lint => 15,
            Tier::Clippy => 300,
            Tier::Generated => 300,
            Tier::Go => 120,
            Tier::Unit => 90,
            Tier::Postgres => 90,
            Tier::ControlPlane => 240,
            Tier::Scenarios => 720,
            Tier::Node => 420,
            Tier::Chart => 30,
        })
    }

    /// Returns the requirements of the tier.
    pub(super) fn needs(self) -> &'static [Need] {
        match self {
            Tier::Lint => &[],
            Tier::Fmt | Tier::Clippy | Tier::Go => &[Need::Build],
            Tier::Unit => &[Need::Build, Need::Python],
            Tier::Postgres => &[Need::Build, Need::Postgres, Need::Pip],
            Tier::Generated => &[Need::Build, Need::Postgres],
            Tier::ControlPlane | Tier::Chart => &[Need::Build, Need::Postgres],
            Tier::Scenarios | Tier::Node => &[Need::Build, Need::Node],
        }
    }

    /// Builds and starts what the tier needs in separate phases, so that the tier's time is that of its tests.
    pub(super) fn prepare(self, phases: &Phases, session: &mut Session<'_>) -> anyhow::Result<()> {
        if self.select().is_some() && session.executables.is_none() {
            let built =
                phases.run("build tests", |phase| executables::build(phase, session.checkout, &[]))?;
            session.executables = Some(built);
        }
        match self {
            Tier::ControlPlane => {
                phases.run("start Postgres", |phase| session.postgres.start(phase))?;
                session.clusters.control_plane(phases)
            }
            Tier::Chart => session.clusters.control_plane(phases),
            Tier::Scenarios | Tier::Node => session.clusters.node(phases),
            Tier::Generated => phases.run("start Postgres", |phase| session.postgres.start(phase)),
            Tier::Postgres => {
                phases.run("download an S3 server", |phase| session.s3.download(phase))?;
                phases.run("start Postgres", |phase| session.postgres.start(phase))
            }
            Tier::Fmt | Tier::Lint | Tier::Clippy | Tier::Go | Tier::Unit => Ok(()),
        }
    }

    /// Runs the tier.
    ///
    /// # Errors
    /// Returns an error if the tests cannot be run; failed tests are in the report.
    pub(super) fn run(self, phase: &mut Phase<'_>, session: &Session<'_>) -> anyhow::Result<Report> {
        let checkout = session.checkout;
        match self {
            Tier::Fmt => cargo::fmt(phase, checkout).map(|()| Report::one_passed()),
            Tier::Lint => super::lint::check(phase, checkout),
            Tier::Clippy => cargo::clippy(phase, checkout).map(|()| Report::one_passed()),
            Tier::Go => cargo::go_tests(phase, checkout),
            Tier::Generated => {
                generate::check(phase, checkout, &session.postgres.url()).map(|()| Report::one_passed())
            }
            Tier::Chart => chart::check(phase, checkout, &session.clusters),
            Tier::Unit | Tier::Postgres | Tier::ControlPlane | Tier::Scenarios | Tier::Node => {
                self.run_executables(phase, session)
            }
        }
    }

    fn run_executables(self, phase: &mut Phase<'_>, session: &Session<'_>) -> anyhow::Result<Report> {
        let Some(select) = self.select() else { return Ok(Report::default()) };
        let environment = match self {
            Tier::Postgres => {
                let mut environment = session.postgres.environment();
                environment.push(session.s3.environment());
                environment
            }
            Tier::ControlPlane => {
                let mut environment = session.postgres.environment();
                environment.extend(session.clusters.control_plane_environment());
                environment
            }
            Tier::Scenarios | Tier::Node => session.clusters.node_environment()?,
            _ => Vec::new(),
        };
        let all = session.executables.as_deref().unwrap_or_default();
        executables::run(phase, (all, select), session.filter, &environment, 3 * self.budget())
    }

    fn select(self) -> Option<Select> {
        match self {
            Tier::Unit => {
                Some(|it| it.package != "api-server" && (it.package != "tests" || it.target == "tests"))
            }
            Tier::Postgres => Some(|it| it.package == "api-server"),
            Tier::ControlPlane => Some(|it| {
                it.package == "tests" && ["control_plane", "mirror", "runner"].contains(&it.target.as_str())
            }),
            Tier::Scenarios => Some(|it| it.package == "tests" && it.target == "scenarios"),
            Tier::Node => {
                Some(|it| it.package == "tests" && matches!(it.target.as_str(), "node" | "node_outage"))
            }
            _ => None,
        }
    }
}
