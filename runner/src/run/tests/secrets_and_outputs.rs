//! Secrets, values in object storage, and exported logs.

use crds::run::RunPhase;
use serde_json::json;

use super::{error_of_run, memory_cluster::MemoryCluster, pod::Pod, step};
use crate::{api::test_server::TestApiServer, run::exit::RunExit};

const SECRET: &str = "s3cret-t0ken";

/// Steps receive secrets, and no status contains them in any encoding.
#[tokio::test(flavor = "multi_thread")]
async fn steps_receive_secrets_and_no_status_contains_them() {
    let spec = r#"
secrets: [{name: erp, secretRef: {name: erp-credentials}}]
steps:
- name: given
  python:
    env: {TOKEN: "${{ secrets.erp.token }}"}
    code: |
      import os, base64
      def run(input, ctx):
          assert os.environ["TOKEN"] == ctx.secrets["erp"]["token"]
          token = ctx.secrets["erp"]["token"]
          print("token", token)
          return {"plain": "is " + token, "encoded": base64.b64encode(("u:" + token).encode()).decode()}
- name: program
  needs: [given]
  container:
    image: tool:1
    command: [sh, -c, 'test -n "$TOKEN" && echo $TOKEN >&2 && exit 3']
    env: {TOKEN: "${{ secrets.erp.token }}"}
  continueOnError: true
- name: failing
  needs: [program]
  python: {code: "def run(i, c): raise ValueError(c.secrets['erp']['token'])"}
"#;
    let memory = MemoryCluster::new(spec, &json!(null)).with_secret("erp", "token", SECRET);
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let run = memory.run();
    let (phase, _, code, message) = error_of_run(&run);
    assert_eq!(step(&run, "given").output.unwrap()["plain"], "is ***");
    assert_eq!(step(&run, "program").error.unwrap().code, "EXIT_3");
    assert_eq!(
        (phase, code.as_str(), message.as_str()),
        (RunPhase::Failed, "PYTHON_EXCEPTION", "ValueError: ***")
    );
    let written = memory.everything_written();
    for form in [SECRET, "czNjcmV0LXQwa2Vu", "OnMzY3JldC10MGtlb", "zM2NyZXQtdDBrZW"] {
        assert!(!written.contains(form), "{form} in {written}");
    }
}

/// A run whose Secret was deleted fails, and the error names the Secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_secret_fails_the_run_by_name() {
    let spec =
        "secrets: [{name: erp, secretRef: {name: erp-credentials}}]\nsteps: [{name: only, expr: {value: 1}}]";
    let memory = MemoryCluster::new(spec, &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let (_, _, code, message) = error_of_run(&memory.run());
    assert_eq!(code, "SECRET_MISSING");
    assert!(message.contains("erp-credentials"), "{message}");
}

const LARGE: &str = r#"
steps:
- name: rows
  python: {code: "def run(i, c): return ['row'] * 10_000"}
- name: doubled
  needs: [rows]
  expr: {value: "${{ steps.rows.output + steps.rows.output }}"}
- name: count
  needs: [doubled]
  with: {rows: "${{ steps.doubled.output }}"}
  python: {code: "def run(i, c): return len(i['rows'])"}
output: {count: "${{ steps.count.output }}", rows: "${{ steps.rows.output }}"}
"#;

/// Large values are stored and read by later steps, also in another pod.
#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_stored_and_read_by_later_steps_also_in_another_pod() {
    let server = TestApiServer::default();
    let memory = MemoryCluster::new(LARGE, &json!(null)).with_api(server.serve().await);
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    let rows = step(&memory.run(), "rows");
    assert!(rows.output.is_none() && rows.output_ref.is_some());
    assert_eq!(step(&memory.run(), "count").output, Some(json!(20_000)));
    let stored = status.output_ref.unwrap();
    assert!(status.output.is_none());
    let output: serde_json::Value = serde_json::from_slice(&server.state().outputs[&stored.uri]).unwrap();
    assert_eq!(output["count"], 20_000);

    // Another pod continues before the last step and reads the stored values.
    memory.change(|run| {
        let status = run["status"].as_object_mut().unwrap();
        status.retain(|field, _| ["revision", "startedAt", "steps"].contains(&field.as_str()));
        status["steps"].as_array_mut().unwrap().pop();
    });
    assert_eq!(Pod::start(&memory, "pod-b").exit().await, RunExit::Finished);
    assert_eq!(step(&memory.run(), "count").output, Some(json!(20_000)));

    // A run fails if a stored value does not exist any more.
    memory.change(|run| {
        let status = run["status"].as_object_mut().unwrap();
        status.retain(|field, _| ["revision", "startedAt", "steps"].contains(&field.as_str()));
    });
    server.state().outputs.clear();
    assert_eq!(Pod::start(&memory, "pod-c").exit().await, RunExit::Finished);
    let error = memory.run().status.unwrap().error.unwrap();
    assert_eq!((error.step.as_deref(), error.code.as_str()), (Some("rows"), "OUTPUT_GONE"));
}

/// Log lines reach the api-server in order, and none is lost while it is unavailable.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_reach_the_api_server_in_order_despite_an_outage() {
    let server = TestApiServer::default();
    server.state().unavailable_requests = 3;
    let spec = "steps:\n- name: only\n  python: {code: \"def run(i, c):\\n  for n in range(3000): print('line', n)\"}";
    let memory = MemoryCluster::new(spec, &json!(null)).with_api(server.serve().await);
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Finished);
    let lines = server.state().lines.clone();
    let texts: Vec<String> = lines.iter().map(|line| line.line.clone()).collect();
    assert_eq!(texts, (0..3000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert!(lines.iter().enumerate().all(|(n, line)| line.seq == u64::try_from(n).unwrap()));
    assert_eq!((lines[0].step.as_str(), lines[0].attempt), ("only", 1));
}

/// Log lines are exported before a suspended run is released, since the api-server refuses them afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_exported_before_the_run_is_released() {
    let server = TestApiServer::default();
    let spec = r#"
steps:
- {name: say, python: {code: "def run(i, c): print('hello')"}}
- {name: ask, needs: [say], approval: {message: "Go?"}}
"#;
    let memory = MemoryCluster::new(spec, &json!(null)).with_api(server.serve().await);
    let run = memory.clone();
    server.state().is_assigned = Some(Box::new(move || run.run().status.unwrap().runner.is_some()));
    assert_eq!(Pod::start(&memory, "pod-a").exit().await, RunExit::Suspended);
    let lines: Vec<String> = server.state().lines.iter().map(|line| line.line.clone()).collect();
    assert_eq!(lines, ["hello"]);
}
