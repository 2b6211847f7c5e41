//! Our own programs, as they go into the images.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// The programs that images carry.
pub(crate) const PROGRAMS: [&str; 4] = ["operator", "api-server", "runner", "step-host"];

/// Builds the named ones, and puts them without debug information where images take them from.
pub(crate) fn build(phase: &mut Phase<'_>, checkout: &Checkout, programs: &[&str]) -> anyhow::Result<()> {
    phase.advice("mend what the compiler says, or run `cargo build` by hand");
    if programs.iter().any(|name| *name != STATIC) {
        // The whole workspace: with fewer packages cargo unites fewer features, and compiles dependencies again.
        phase.exec(cargo(checkout, "build").args(["--workspace", "--bins"]))?;
    }
    if programs.contains(&STATIC) {
        let cargo = cargo(checkout, "rustc").args(["-p", STATIC, "--bin", STATIC, "--"]);
        phase.exec(cargo.args(STATIC_FLAGS))?;
    }
    let stripped: Vec<&str> = programs.iter().copied().filter(|name| is_older(checkout, name)).collect();
    for name in &stripped {
        strip(phase, checkout, name)?;
    }
    if stripped.is_empty() {
        phase.outcome("up to date");
    }
    Ok(())
}

/// A program as the images take it.
pub(crate) fn program(checkout: &Checkout, name: &str) -> PathBuf {
    checkout.programs().join(name)
}

/// `step-host` must start in any image, so it brings its C library along. The flag goes to this one
/// crate: as `RUSTFLAGS` it would have all dependencies compiled a second time.
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

fn is_older(checkout: &Checkout, name: &str) -> bool {
    let (copy, original) = (modified(&program(checkout, name)), modified(&checkout.cargo_binary(name)));
    copy.is_none() || copy < original
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Nine tenths of a debug build are debug information, which an image has no use for.
fn strip(phase: &mut Phase<'_>, checkout: &Checkout, name: &str) -> anyhow::Result<()> {
    let target = program(checkout, name);
    let folder = checkout.programs();
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    phase.exec(
        Program::new("strip").arg("--strip-debug").arg("-o").arg(target).arg(checkout.cargo_binary(name)),
    )
}
