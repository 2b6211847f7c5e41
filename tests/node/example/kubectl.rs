//! The example by kubectl.

use tests::kubectl::kubectl;

const RUNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/runs");

/// The first line that a user tries does nothing.
#[tokio::test]
async fn every_example_run_succeeds_as_it_stands() -> anyhow::Result<()> {
    for (file, namespace) in [("order-invoice", "t-acme"), ("greeting", "t-globex")] {
        let run = create(file).await?;
        let wait = ["wait", run.trim(), "--namespace", namespace, "--timeout=90s"];
        kubectl(&[&wait[..], &["--for=jsonpath={.status.phase}=Succeeded"]].concat()).await?;
    }
    Ok(())
}

/// Creates the run of a file, and returns its name as kubectl gives it.
pub(super) async fn create(file: &str) -> anyhow::Result<String> {
    kubectl(&["create", "--filename", &format!("{RUNS}/{file}.yaml"), "--output", "name"]).await
}
