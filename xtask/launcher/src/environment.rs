//! Environment of the programs that are started.

use std::process::Command;

/// Removes the variables by which `cargo run` describes this package. Some build scripts depend on them, so a later `cargo test`
/// would compile TLS, HTTP and everything above them again after each `cargo xtask test`, and the other way round.
pub(crate) fn without_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}
