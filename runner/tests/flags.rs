//! The program as its container starts it. That this is a test of the program also has it built for those of the
//! control plane, which run it.

use std::process::Command;

/// A pod that lacks a variable ends without a word of which.
#[test]
fn what_is_not_given_is_named() {
    let started = Command::new(env!("CARGO_BIN_EXE_runner")).env_clear().output().expect("a program");
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(!started.status.success());
    for flag in ["--pod-name", "--pod-namespace", "--pod-uid", "--tenant", "--python-image"] {
        assert!(said.contains(flag), "{flag} in {said}");
    }
}
