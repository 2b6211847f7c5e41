//! Command line of the program as its container starts it. As an integration test of this crate it also makes cargo
//! build the program, which the control-plane tests run.

use std::process::Command;

/// A start without required flags names all of them.
#[test]
fn missing_flags_are_named() {
    let started =
        Command::new(env!("CARGO_BIN_EXE_runner")).env_clear().output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success());
    for flag in ["--pod-name", "--pod-namespace", "--pod-uid", "--tenant", "--python-image"] {
        assert!(stderr.contains(flag), "{flag} in {stderr}");
    }
}
