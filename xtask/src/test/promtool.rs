//! The tests of the alert rules, with promtool.

use std::path::PathBuf;

use anyhow::Context;
use xtask_launcher::packages::is_in_path;

use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Alert rules of the chart, and their tests.
const RULES: &str = "charts/smb-copilot/alerts/rules.yaml";
const TESTS: &str = "tests/alerts/rules_test.yaml";
/// Debian package that has promtool. It is unpacked and not installed, since its installation starts a server.
const PACKAGE: &str = "prometheus";

/// Checks the alert rules, and runs their tests.
///
/// # Errors
/// Returns an error if promtool cannot be downloaded, or if it refuses the rules.
pub(super) fn check_rules(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    let promtool = promtool(phase, checkout)?;
    phase.exec(Program::new(&promtool).args(["check", "rules"]).arg(checkout.path(RULES)))?;
    phase.exec(Program::new(&promtool).args(["test", "rules"]).arg(checkout.path(TESTS)))
}

/// Returns the installed promtool, or downloads one.
fn promtool(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<PathBuf> {
    if is_in_path("promtool") {
        return Ok("promtool".into());
    }
    let folder = checkout.local().join("promtool");
    let program = folder.join("usr/bin/promtool");
    if program.exists() {
        return Ok(program);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    phase.advice("install promtool, which is a part of Prometheus");
    phase.exec(Program::as_root("apt-get").args(["update", "--quiet"]))?;
    phase.exec(Program::new("apt-get").args(["download", "--quiet", PACKAGE]).dir(&folder))?;
    let package = std::fs::read_dir(&folder)
        .with_context(|| format!("failed to read {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("failed to find the downloaded package")?;
    phase.exec(Program::new("dpkg-deb").arg("--extract").args([&package, &folder]))?;
    Ok(program)
}
