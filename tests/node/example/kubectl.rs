//! The examples with kubectl.

use tests::kubectl::kubectl;

const RUNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/runs");

/// Every run in `examples/runs` succeeds unchanged.
#[tokio::test]
async fn every_example_run_succeeds() -> anyhow::Result<()> {
    for (file, namespace) in [("order-invoice", "t-acme"), ("greeting", "t-globex")] {
        let run = create(file).await?;
        let wait = ["wait", run.trim(), "--namespace", namespace, "--timeout=90s"];
        kubectl(&[&wait[..], &["--for=jsonpath={.status.phase}=Succeeded"]].concat()).await?;
    }
    Ok(())
}

/// Creates the run of a file with kubectl and returns its name.
pub(super) async fn create(file: &str) -> anyhow::Result<String> {
    kubectl(&["create", "--filename", &format!("{RUNS}/{file}.yaml"), "--output", "name"]).await
}
