//! `cargo xtask fuzz`: tests of everything that parses tenants' text, with random inputs for as long as you like, and of the REST API
//! with requests that Schemathesis derives from its description.
//!
//! The targets are property tests, which the unit tier runs briefly. Here they run again and again with new inputs. A
//! failing input is made small, printed, and written to a file of regressions, which is committed: every run of the
//! tests then begins with it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::checkout::Checkout;
use crate::instance::{Homes, Instance};
use crate::phase::{Phase, Phases};
use crate::program::Program;
use crate::test;
use crate::test::executables::{self, Executable};

/// A parser, or several that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Target {
    /// Expressions, parsed and evaluated.
    Expressions,
    /// Templates, parsed and rendered.
    Templates,
    /// JSON Schemas, compiled, and values validated against them.
    Schemas,
    /// Regular expressions, measured and compiled.
    Patterns,
    /// Cron expressions, quantities and durations.
    Texts,
    /// Cursors and request headers of the api-server.
    Requests,
    /// Requests to REST that Schemathesis derives from the OpenAPI document, with a real control plane.
    Api,
}

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub(crate) struct Options {
    /// What to fuzz [default: all parsers].
    target: Option<Target>,
    /// Duration for each parser, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Minimum number of requests to the API.
    #[arg(long, default_value_t = 20_000)]
    requests: u32,
}

/// The targets that need nothing but their test program.
const PARSERS: [Target; 6] = [
    Target::Expressions,
    Target::Templates,
    Target::Schemas,
    Target::Patterns,
    Target::Texts,
    Target::Requests,
];
/// Inputs of one run of a test, which is repeated until the time is over.
const CASES: &str = "2000";
/// Maximum duration of one run of a test.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Builds the tests and runs each target for the requested time.
///
/// # Errors
/// Returns an error with the failing input.
pub(crate) fn run(
    checkout: &Checkout,
    (homes, instance): (&Homes, &Instance),
    options: &Options,
    verbose: bool,
) -> anyhow::Result<ExitCode> {
    if options.target == Some(Target::Api) {
        let options = test::Options::for_schemathesis(options.requests);
        return test::run(checkout, homes, &options, verbose);
    }
    let phases = Phases::new(&instance.log("fuzz"), verbose)?;
    let targets = match options.target {
        Some(target) => vec![target],
        None => PARSERS.to_vec(),
    };
    let needs_server = targets.contains(&Target::Requests);
    let selection: &[&str] = if needs_server { &["--test", "fuzz", "--lib"] } else { &["--test", "fuzz"] };
    let programs = phases.run("build the targets", |phase| executables::build(phase, checkout, selection))?;
    for target in targets {
        let time = Duration::from_secs(options.seconds);
        phases.run(&format!("fuzz {}", target.filter()), |phase| fuzz(phase, target, &programs, time))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Target {
    /// Returns the part of the names of its tests.
    fn filter(self) -> &'static str {
        match self {
            Self::Expressions => "expressions",
            Self::Templates => "templates",
            Self::Schemas => "schemas",
            Self::Patterns => "patterns",
            Self::Texts => "texts",
            Self::Requests => "any_text",
            Self::Api => "schemathesis",
        }
    }

    /// Returns whether a test program contains its tests.
    fn is_in(self, program: &Executable) -> bool {
        match self {
            Self::Requests => program.package == "api-server" && program.target == "api_server",
            _ => program.target == "fuzz",
        }
    }
}

fn fuzz(
    phase: &mut Phase<'_>,
    target: Target,
    programs: &[Executable],
    time: Duration,
) -> anyhow::Result<()> {
    let program = programs.iter().find(|program| target.is_in(program));
    let program = program.context("failed to find the program of the target")?;
    let folder: &Path = program.folder();
    let begin = Instant::now();
    let mut runs = 0_u32;
    while begin.elapsed() < time {
        let run = Program::new(program.path())
            .dir(folder)
            .env("CARGO_MANIFEST_DIR", folder)
            .env("PROPTEST_CASES", CASES)
            .args(["--nocapture", target.filter()])
            .limit(LIMIT);
        phase.capture(run)?;
        runs += 1;
    }
    phase.outcome(format!("{runs} × {CASES} inputs"));
    Ok(())
}
