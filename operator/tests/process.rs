//! Tests of the operator process that need no cluster. This integration test also makes cargo build the
//! program, which the control-plane tests run.

use std::process::Command;

/// An operator that finds no cluster exits with an error that says so.
#[test]
fn without_a_cluster_the_operator_fails_with_an_explanation() {
    let output = Command::new(env!("CARGO_BIN_EXE_operator"))
        .args(["--health-addr", "127.0.0.1:0"])
        .env("KUBECONFIG", "/nowhere/kubeconfig")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(stderr.contains("failed to find out how to reach Kubernetes"), "{stderr}");
}
