//! Generated files: written by `gen`, and compared by `gen --check`.

mod outputs;
mod queries;
mod rights;

use anyhow::Context;
pub(crate) use outputs::OPENAPI;

use crate::build::go;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::{Phase, Phases};
use crate::preflight::{self, Need};
use crate::test::postgres::Postgres;

/// Writes all generated files, or with `check_only` compares them.
///
/// # Errors
/// Returns an error if a file cannot be generated, or with `check_only` if one is out of date.
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
    phases.run("build helm", |phase| go::build(phase, checkout))?;
    let postgres = Postgres::new(instance)?;
    phases.run("start Postgres", |phase| postgres.start(phase))?;
    let result = match check_only {
        true => phases.run("compare generated files", |phase| check(phase, checkout, &postgres.url())),
        false => write(&phases, checkout, &postgres.url()),
    };
    phases.run("stop Postgres", |phase| postgres.stop(phase))?;
    result
}

/// Writes the rights and the queries first: the programs that write the other files do not compile without them.
fn write(phases: &Phases, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    phases.run("write the rights", |phase| {
        rights::files(phase, checkout)?.into_iter().try_for_each(|(file, text)| {
            std::fs::write(checkout.path(file), text).with_context(|| format!("failed to write {file}"))
        })
    })?;
    phases.run("write .sqlx", |phase| queries::write(phase, checkout, database))?;
    phases.run("write the other files", |phase| outputs::write(phase, checkout, database))
}

/// Compares all generated files with what would be generated now.
///
/// # Errors
/// Returns an error that names the files that are out of date.
pub(crate) fn check(phase: &mut Phase<'_>, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    phase.advice("cargo xtask gen, and commit what it writes");
    let mut stale = Vec::new();
    for (file, text) in rights::files(phase, checkout)? {
        if !std::fs::read_to_string(checkout.path(file)).is_ok_and(|committed| committed == text) {
            stale.push(file.to_owned());
        }
    }
    stale.extend(queries::stale(phase, checkout, database)?);
    stale.extend(outputs::stale(phase, checkout, database)?);
    anyhow::ensure!(stale.is_empty(), "out of date: {}", stale.join(", "));
    Ok(())
}
