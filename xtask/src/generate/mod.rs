//! Generated files: written by `gen`, and proven fresh by `gen --check`.

mod outputs;
mod queries;

use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::{Phase, Phases};
use crate::preflight::{self, Need};
use crate::test::postgres::Postgres;

/// Writes all of them, or with `check` fails if one is stale.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    check_only: bool,
    verbose: bool,
) -> anyhow::Result<()> {
    let phases = Phases::new(&instance.log("gen"), verbose)?;
    phases.run("install missing packages", |phase| {
        preflight::install(phase, &preflight::missing(&[Need::Postgres]))
    })?;
    let postgres = Postgres::new(instance)?;
    phases.run("start Postgres", |phase| postgres.start(phase))?;
    let result = match check_only {
        true => phases.run("compare generated files", |phase| check(phase, checkout, &postgres.url())),
        false => write(&phases, checkout, &postgres.url()),
    };
    phases.run("stop Postgres", |phase| postgres.stop(phase))?;
    result
}

/// Queries come first: the programs that write the other files do not compile without them.
fn write(phases: &Phases, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    phases.run("write .sqlx", |phase| queries::write(phase, checkout, database))?;
    phases.run("write the other files", |phase| outputs::write(phase, checkout, database))
}

/// Errors: a file is not what would be generated now; all such files are named.
pub(crate) fn check(phase: &mut Phase<'_>, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    phase.advice("cargo xtask gen, and commit what it writes");
    let mut stale = queries::stale(phase, checkout, database)?;
    stale.extend(outputs::stale(phase, checkout, database)?);
    anyhow::ensure!(stale.is_empty(), "stale: {}", stale.join(", "));
    Ok(())
}
