//! What comes from outside a run, and must not get out of it: secrets, and values in object storage.

use crds::run::RunPhase;
use serde_json::json;

use super::{error_of, memory::Memory, pod::Pod, step};
use crate::{api::tests::Internal, run::Left};

const SECRET: &str = "s3cret-t0ken";

/// A token that a step uses can be read by all who may see the run.
#[tokio::test(flavor = "multi_thread")]
async fn steps_get_secrets_and_no_status_shows_them() {
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
    let memory = Memory::new(spec, &json!(null)).with_secret("erp", "token", SECRET);
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let run = memory.run();
    let (phase, _, code, message) = error_of(&run);
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

/// A Secret that was deleted makes a run hang, or fail without a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_fails_the_run_by_name() {
    let spec =
        "secrets: [{name: erp, secretRef: {name: erp-credentials}}]\nsteps: [{name: only, expr: {value: 1}}]";
    let memory = Memory::new(spec, &json!(null));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let (_, _, code, message) = error_of(&memory.run());
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

/// A step cannot give much data to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_stored_and_read_by_later_steps_also_in_another_pod() {
    let internal = Internal::default();
    let memory = Memory::new(LARGE, &json!(null)).with_api(internal.serve().await);
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let status = memory.run().status.unwrap();
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    let rows = step(&memory.run(), "rows");
    assert!(rows.output.is_none() && rows.output_ref.is_some());
    assert_eq!(step(&memory.run(), "count").output, Some(json!(20_000)));
    let stored = status.output_ref.unwrap();
    assert!(status.output.is_none());
    let output: serde_json::Value = serde_json::from_slice(&internal.held().outputs[&stored.uri]).unwrap();
    assert_eq!(output["count"], 20_000);

    // Another pod goes on before the last step: it reads what is stored.
    memory.change(|run| {
        let status = run["status"].as_object_mut().unwrap();
        status.retain(|field, _| ["revision", "startedAt", "steps"].contains(&field.as_str()));
        status["steps"].as_array_mut().unwrap().pop();
    });
    assert_eq!(Pod::start(&memory, "pod-b").left().await, Left::Finished);
    assert_eq!(step(&memory.run(), "count").output, Some(json!(20_000)));

    // And one fails when that is gone.
    memory.change(|run| {
        let status = run["status"].as_object_mut().unwrap();
        status.retain(|field, _| ["revision", "startedAt", "steps"].contains(&field.as_str()));
    });
    internal.held().outputs.clear();
    assert_eq!(Pod::start(&memory, "pod-c").left().await, Left::Finished);
    let error = memory.run().status.unwrap().error.unwrap();
    assert_eq!((error.step.as_deref(), error.code.as_str()), (Some("rows"), "OUTPUT_GONE"));
}

/// A run whose log nobody keeps is slower, or the log of a step is lost with its pod.
#[tokio::test(flavor = "multi_thread")]
async fn lines_reach_the_api_server_in_order_and_none_is_lost_while_it_is_away() {
    let internal = Internal::default();
    internal.held().away = 3;
    let spec = "steps:\n- name: only\n  python: {code: \"def run(i, c):\\n  for n in range(3000): print('line', n)\"}";
    let memory = Memory::new(spec, &json!(null)).with_api(internal.serve().await);
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Finished);
    let lines = internal.held().lines.clone();
    let texts: Vec<String> = lines.iter().map(|line| line.line.clone()).collect();
    assert_eq!(texts, (0..3000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert!(lines.iter().enumerate().all(|(n, line)| line.seq == u64::try_from(n).unwrap()));
    assert_eq!((lines[0].step.as_str(), lines[0].attempt), ("only", 1));
}

/// What a step printed just before its run waits is refused by the api-server, because nobody holds the run any more.
#[tokio::test(flavor = "multi_thread")]
async fn lines_are_kept_before_the_run_is_given_back() {
    let internal = Internal::default();
    let spec = r#"
steps:
- {name: say, python: {code: "def run(i, c): print('hello')"}}
- {name: ask, needs: [say], approval: {message: "Go?"}}
"#;
    let memory = Memory::new(spec, &json!(null)).with_api(internal.serve().await);
    let run = memory.clone();
    internal.held().holds = Some(Box::new(move || run.run().status.unwrap().runner.is_some()));
    assert_eq!(Pod::start(&memory, "pod-a").left().await, Left::Suspended);
    let lines: Vec<String> = internal.held().lines.iter().map(|line| line.line.clone()).collect();
    assert_eq!(lines, ["hello"]);
}
