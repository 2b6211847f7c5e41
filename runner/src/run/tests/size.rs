//! Size of a run with its status.

use crds::{constants::MAX_RUN_BYTES, run::StepPhase, workflow::ErrorKind};
use serde_json::json;

use super::{error_of_run, memory_cluster::MemoryCluster, pod::Pod, step};
use crate::run::exit::RunExit;

/// A run that would be too large with its status fails with its size and the limit. The API server is not asked before.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_would_be_too_large_fails_with_both_numbers() {
    let spec = format!(
        "steps: [{{name: one, expr: {{value: {}}}}}, {{name: two, needs: [one], wait: {{for: 1h}}}}]",
        "y".repeat(8_000)
    );
    let memory = MemoryCluster::new(&spec, &json!({"text": "x".repeat(MAX_RUN_BYTES - 3_000)}));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let run = memory.run();
    let (_, kind, code, message) = error_of_run(&run);
    assert_eq!((kind, code.as_str()), (ErrorKind::User, "RUN_TOO_LARGE"));
    assert!(message.contains(&format!("the limit is {MAX_RUN_BYTES}")), "{message}");
    assert_eq!(memory.writes(), 1);
    assert_eq!(step(&run, "two").phase, StepPhase::Cancelled);
}
