//! The program as a whole, where it needs no cluster. (An integration test also makes cargo build the program
//! beside the tests, where those against a real control plane find it.)

use std::process::Command;

/// An operator that finds no cluster hangs, or ends as if all were well.
#[test]
fn without_a_cluster_it_says_so_and_fails() {
    let output = Command::new(env!("CARGO_BIN_EXE_operator"))
        .args(["--health-addr", "127.0.0.1:0"])
        .env("KUBECONFIG", "/nowhere/kubeconfig")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("failed to find out how to reach Kubernetes"), "{said}");
}
