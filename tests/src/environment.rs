//! What `cargo xtask test` tells the scenarios, by variables `SMBCOPILOT_TEST_…`.

use anyhow::Context as _;

/// The value of a variable.
///
/// # Errors
/// It is unset: then the tests were not started by `cargo xtask test node`.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
pub fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("no {name}: run `cargo xtask test node`"))
}
