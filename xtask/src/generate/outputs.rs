//! Files that our own programs print.

use std::path::Path;

use anyhow::Context;

use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// A program, its arguments, and the file that its output is kept in.
const PRINTED: [(&str, &[&str], &str); 8] = [
    ("api-server", &["print-openapi"], "api-server/openapi.json"),
    ("api-server", &["print-sdl"], "api-server/schema.graphql"),
    ("api-server", &["erd"], "docs/ERD_DIAGRAM.svg"),
    ("refgen", &["fields"], "docs/reference/fields.md"),
    ("refgen", &["problems"], "docs/reference/problems.md"),
    ("refgen", &["errors"], "docs/reference/errors.md"),
    ("refgen", &["limits"], "docs/reference/limits.md"),
    ("refgen", &["functions"], "docs/reference/functions.md"),
];

/// Where the definitions of the custom resources go.
const KINDS: &str = "charts/smb-copilot-crds/templates";

/// Writes all of them.
pub(super) fn write(phase: &mut Phase<'_>, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    build(phase, checkout)?;
    phase.exec(crdgen(checkout))?;
    for (program, args, file) in PRINTED {
        let text = print(phase, checkout, database, program, args)?;
        std::fs::write(checkout.path(file), text).with_context(|| format!("failed to write {file}"))?;
    }
    Ok(())
}

/// The files that are not what their program prints now.
pub(super) fn stale(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    database: &str,
) -> anyhow::Result<Vec<String>> {
    build(phase, checkout)?;
    let mut stale = Vec::new();
    if phase.exec(crdgen(checkout).arg("--check")).is_err() {
        stale.push(format!("{KINDS} (the log says which)"));
    }
    for (program, args, file) in PRINTED {
        if print(phase, checkout, database, program, args)? != read(&checkout.path(file)) {
            stale.push(file.to_owned());
        }
    }
    Ok(stale)
}

fn crdgen(checkout: &Checkout) -> Program {
    Program::new(checkout.cargo_binary("crdgen")).arg(KINDS).dir(&checkout.root)
}

fn build(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    phase.exec(Program::new("cargo").dir(&checkout.root).args(["build", "--workspace", "--bins"]))
}

fn print(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    database: &str,
    program: &str,
    args: &[&str],
) -> anyhow::Result<String> {
    let program = Program::new(checkout.cargo_binary(program)).args(args).dir(&checkout.root);
    phase.capture(
        program.env("SMBCOPILOT_MIGRATION_DATABASE_URL", database).env("SMBCOPILOT_DATABASE_URL", database),
    )
}

/// A file that is not there is as stale as an empty one.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
