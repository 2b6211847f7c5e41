//! The programs of the workspace that the images contain.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Programs that the images contain.
pub(crate) const PROGRAMS: [&str; 6] =
    ["operator", "api-server", "document-parser", "runner", "step-host", "issuer"];

/// Builds the named programs, and writes a copy of each without debug information for the images.
///
/// # Errors
/// Returns an error if a program does not compile.
pub(crate) fn build(phase: &mut Phase<'_>, checkout: &Checkout, programs: &[&str]) -> anyhow::Result<()> {
    phase.advice("fix the compiler's errors, or run `cargo build` by hand");
    let others: Vec<&str> = programs.iter().copied().filter(|name| *name != STATIC).collect();
    if !others.is_empty() {
        // Of the whole workspace: with fewer packages cargo unifies other features and compiles dependencies again.
        let cargo = cargo(checkout, "build").arg("--workspace");
        phase.exec(others.iter().fold(cargo, |cargo, name| cargo.args(["--bin", *name])))?;
    }
    if programs.contains(&STATIC) {
        let cargo = cargo(checkout, "rustc").args(["-p", STATIC, "--bin", STATIC, "--"]);
        phase.exec(cargo.args(STATIC_FLAGS))?;
    }
    let outdated: Vec<&str> = programs.iter().copied().filter(|name| is_outdated(checkout, name)).collect();
    for name in &outdated {
        strip(phase, checkout, name)?;
    }
    if outdated.is_empty() {
        phase.outcome("up to date");
    }
    Ok(())
}

/// Returns the path of a program without debug information.
pub(crate) fn program(checkout: &Checkout, name: &str) -> PathBuf {
    checkout.programs().join(name)
}

/// `step-host` must start in any image, so its C library is linked statically. The flag is passed for this crate alone:
/// in `RUSTFLAGS` it would make cargo compile all dependencies a second time.
const STATIC: &str = "step-host";
const STATIC_FLAGS: [&str; 2] = ["-C", "target-feature=+crt-static"];

fn cargo(checkout: &Checkout, command: &str) -> Program {
    // The Go build beside it takes longer, and more can begin when it is done.
    Program::with_low_priority("cargo").dir(&checkout.root).args([
        command,
        "--profile",
        checkout.profile.name(),
    ])
}

fn is_outdated(checkout: &Checkout, name: &str) -> bool {
    let (copy, original) = (modified(&program(checkout, name)), modified(&checkout.cargo_binary(name)));
    copy.is_none() || copy < original
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Removes debug information, which is nine tenths of a debug build and unused in an image.
fn strip(phase: &mut Phase<'_>, checkout: &Checkout, name: &str) -> anyhow::Result<()> {
    let target = program(checkout, name);
    let folder = checkout.programs();
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    phase.exec(
        Program::new("strip").arg("--strip-debug").arg("-o").arg(target).arg(checkout.cargo_binary(name)),
    )
}
