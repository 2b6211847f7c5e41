//! Environment variables `SMBCOPILOT_TEST_…`, by which `cargo xtask test` configures the tests.

use anyhow::Context as _;

/// Returns the value of a variable.
///
/// # Errors
/// Returns an error if the variable is not set: the tests were not started by `cargo xtask test node`.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
pub fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run `cargo xtask test node`"))
}
