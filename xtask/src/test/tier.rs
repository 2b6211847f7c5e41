//! The tiers of tests: requirements, time budget and content of each.

use std::time::Duration;

use clap::ValueEnum;

use super::executables::{self, Select};
use super::libtest::Report;
use super::{Session, cargo, chart};
use crate::build::go;
use crate::generate;
use crate::phase::{Phase, Phases};
use crate::preflight::Need;

/// Number of tests with a control plane that run at the same time.
const CONCURRENT_TESTS: u32 = 4;

/// Name of the phase that downloads generators of clients, the linter of the OpenAPI document, and Schemathesis.
const DOWNLOAD_CLIENTS: &str = "download the tools of API clients";

/// Environment variable with the minimum number of requests of Schemathesis.
const SCHEMATHESIS_REQUESTS: &str = "SMBCOPILOT_TEST_SCHEMATHESIS_REQUESTS";
/// Maximum time of a request of Schemathesis on average, ten times what it takes.
const SCHEMATHESIS_REQUEST_TIMEOUT: Duration = Duration::from_millis(200);

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
    /// The OpenAPI document follows the rules of a linter.
    Openapi,
    /// Tests and formatting of the Go programs.
    Go,
    /// Unit tests, without external services.
    Unit,
    /// Conformance of the Qdrant for one machine, or of the one at `QDRANT_URL`.
    Qdrant,
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
    /// A real Argo CD that installs the platform and the examples from Git.
    Gitops,
}

impl Tier {
    /// All tiers in the order in which they run.
    pub(super) const ALL: [Tier; 14] = [
        Tier::Fmt,
        Tier::Lint,
        Tier::Clippy,
        Tier::Generated,
        Tier::Openapi,
        Tier::Go,
        Tier::Unit,
        Tier::Qdrant,
        Tier::Postgres,
        Tier::ControlPlane,
        Tier::Chart,
        Tier::Gitops,
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
            Tier::Openapi => "openapi",
            Tier::Go => "go",
            Tier::Unit => "unit",
            Tier::Qdrant => "qdrant",
            Tier::Postgres => "postgres",
            Tier::ControlPlane => "control-plane",
            Tier::Scenarios => "scenarios",
            Tier::Node => "node",
            Tier::Chart => "chart",
            Tier::Gitops => "gitops",
        }
    }

    /// Returns the time budget on two cores with warm caches. A cold clippy also checks all dependencies, and the first
    /// tier that builds programs compiles them.
    pub(super) fn budget(self) -> Duration {
        Duration::from_secs(match self {
            Tier::Fmt | Tier::Lint | Tier::Openapi => 15,
            Tier::Clippy | Tier::Generated | Tier::Gitops => 300,
            Tier::Postgres => 420,
            Tier::Go | Tier::Qdrant => 120,
            Tier::Unit => 90,
            Tier::ControlPlane => 540,
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
            Tier::Openapi => &[Need::Python, Need::Pip],
            Tier::Unit | Tier::Qdrant => &[Need::Build, Need::Python, Need::Pip],
            Tier::Postgres => &[Need::Build, Need::Postgres, Need::Python, Need::Pip],
            Tier::Generated => &[Need::Build, Need::Postgres],
            Tier::ControlPlane => &[Need::Build, Need::Postgres, Need::Python, Need::Pip],
            Tier::Chart => &[Need::Build, Need::Postgres],
            Tier::Gitops => &[Need::Build, Need::Argocd, Need::Postgres],
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
                phases.run("download Qdrant's engine", |phase| session.qdrant.download(phase))?;
                phases.run(DOWNLOAD_CLIENTS, |phase| session.clients.download(phase))?;
                phases.run("start Postgres", |phase| session.postgres.start(phase))?;
                session.clusters.control_plane(phases)
            }
            Tier::Chart => session.clusters.control_plane(phases),
            Tier::Gitops => {
                phases.run("start Postgres", |phase| session.postgres.start(phase))?;
                session.clusters.gitops(phases)
            }
            Tier::Scenarios => session.clusters.node(phases),
            Tier::Node => {
                phases.run(DOWNLOAD_CLIENTS, |phase| session.clients.download(phase))?;
                session.clusters.node(phases)
            }
            Tier::Openapi => phases.run(DOWNLOAD_CLIENTS, |phase| session.clients.download(phase)),
            Tier::Generated => {
                phases.run("build helm", |phase| go::build(phase, session.checkout))?;
                phases.run("start Postgres", |phase| session.postgres.start(phase))
            }
            Tier::Unit => {
                phases.run("download Cedar", |phase| session.cedar.download(phase))?;
                phases.run("download Qdrant's engine", |phase| session.qdrant.download(phase))
            }
            Tier::Qdrant => phases.run("download Qdrant's engine", |phase| session.qdrant.download(phase)),
            Tier::Postgres => {
                phases.run("download an S3 server", |phase| session.s3.download(phase))?;
                phases.run("download scim2-tester", |phase| session.scim.download(phase))?;
                phases.run("download Qdrant's engine", |phase| session.qdrant.download(phase))?;
                phases.run("start Postgres", |phase| session.postgres.start(phase))
            }
            Tier::Fmt | Tier::Lint | Tier::Clippy | Tier::Go => Ok(()),
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
            Tier::Go => cargo::go_tests(phase, checkout, "local/kube"),
            Tier::Qdrant => session.qdrant.test(phase, session.filter),
            Tier::Generated => {
                generate::check(phase, checkout, &session.postgres.url()).map(|()| Report::one_passed())
            }
            Tier::Openapi => session.clients.lint(phase, checkout),
            Tier::Chart => chart::check(phase, checkout, &session.clusters),
            Tier::Gitops => self.run_gitops(phase, session),
            Tier::Unit | Tier::Postgres | Tier::ControlPlane | Tier::Scenarios | Tier::Node => {
                self.run_executables(phase, session)
            }
        }
    }

    /// Runs the tests of the health checks, unless a filter selects Rust tests, and those with a running Argo CD.
    fn run_gitops(self, phase: &mut Phase<'_>, session: &Session<'_>) -> anyhow::Result<Report> {
        let mut report = self.run_executables(phase, session)?;
        if session.filter.is_none() {
            let health = cargo::go_tests(phase, session.checkout, "local/argocd")?;
            report.tally += health.tally;
            report.failures.push_str(&health.failures);
        }
        Ok(report)
    }

    fn run_executables(self, phase: &mut Phase<'_>, session: &Session<'_>) -> anyhow::Result<Report> {
        let Some(select) = self.select() else { return Ok(Report::default()) };
        let environment = match self {
            Tier::Postgres => {
                let mut environment = session.postgres.environment();
                environment.extend([
                    session.s3.environment(),
                    session.scim.environment(),
                    session.qdrant.environment(),
                ]);
                environment
            }
            Tier::ControlPlane => {
                let mut environment = session.postgres.environment();
                environment.extend(session.clusters.control_plane_environment());
                environment.push(session.qdrant.environment());
                environment.push(concurrent_tests());
                environment.push(session.clients.environment());
                let requests = session.schemathesis.map(|requests| requests.to_string());
                environment.extend(requests.map(|requests| (SCHEMATHESIS_REQUESTS.to_owned(), requests)));
                environment
            }
            Tier::Gitops => {
                let mut environment = session.postgres.environment();
                environment.extend(session.clusters.gitops_environment());
                environment.push(concurrent_tests());
                environment
            }
            Tier::Scenarios => session.clusters.node_environment()?,
            Tier::Node => {
                let mut environment = session.clusters.node_environment()?;
                environment.push(session.clients.environment());
                environment
            }
            Tier::Unit => vec![session.qdrant.environment(), session.cedar.environment()],
            _ => Vec::new(),
        };
        let all = session.executables.as_deref().unwrap_or_default();
        let requests = session.schemathesis.unwrap_or_default();
        let limit = 3 * self.budget() + requests * SCHEMATHESIS_REQUEST_TIMEOUT;
        executables::run(phase, (all, select), session.filter, &environment, limit)
    }

    fn select(self) -> Option<Select> {
        match self {
            Tier::Unit => {
                Some(|it| it.package != "api-server" && (it.package != "tests" || it.target == "tests"))
            }
            Tier::Postgres => Some(|it| it.package == "api-server"),
            Tier::ControlPlane => Some(|it| {
                let targets = ["control_plane", "mirror", "runner", "tenant_end", "uninstall"];
                it.package == "tests" && targets.contains(&it.target.as_str())
            }),
            Tier::Gitops => Some(|it| it.package == "tests" && it.target == "gitops"),
            Tier::Scenarios => Some(|it| it.package == "tests" && it.target == "scenarios"),
            Tier::Node => {
                Some(|it| it.package == "tests" && matches!(it.target.as_str(), "node" | "node_outage"))
            }
            _ => None,
        }
    }
}

/// Returns the environment variable with the number of tests that a program runs at the same time. Those with a control plane wait for
/// it most of the time, so there are more of them than cores.
fn concurrent_tests() -> (String, String) {
    ("RUST_TEST_THREADS".to_owned(), CONCURRENT_TESTS.to_string())
}
