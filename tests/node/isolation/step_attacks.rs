//! Hostile code in steps: what it leaves in a kept pod, fills and requests does not reach another run. During each attack,
//! a run of another tenant finishes.

use anyhow::Context as _;
use crds::{
    Tenant, WorkflowRunStatus,
    run::{RunPhase, StepStatus},
};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tests::tenant_namespace::TenantNamespace;

/// Step that leaves as much as it can in its pod if the input says so, and returns everything that an earlier run has left.
const SURVIVE: &str = r#"
runners: {keepAlive: 5m}
steps:
- name: survive
  with: {attack: "${{ input.attack }}"}
  python:
    code: |
      import os, pathlib, signal, time
      DIRECTORIES = ("/tmp", "/dev/shm", "/dev/mqueue", "/run/smb")
      def spy():
          if os.fork() > 0: return
          os.setsid()
          if os.fork() > 0: os._exit(0)
          while True:
              # A successor takes over before each process ends.
              if os.fork() > 0: os._exit(0)
              open("/dev/shm/spy", "a").write(str(os.getpid()))
      def processes(): return len([n for n in os.listdir("/proc") if n.isdigit()])
      def run(input, ctx):
          own = pathlib.Path.cwd()
          # The process between the interpreter and this one may still be ending.
          deadline = time.monotonic() + 10
          while processes() > 3 and time.monotonic() < deadline: time.sleep(0.01)
          files = [str(p) for d in DIRECTORIES for p in pathlib.Path(d).rglob("*") if p.is_file() and own not in p.parents]
          found = {
              "pod": os.uname().nodename, "user": os.getuid(), "files": files,
              "message": pathlib.Path("/dev/termination-log").read_text(),
              "processes": processes(),
          }
          if input["attack"]:
              for directory in (own.parent, "/dev/shm"): pathlib.Path(directory, "left").write_text("s3cret")
              os.close(os.open("/dev/mqueue/left", os.O_CREAT | os.O_RDWR))
              pathlib.Path("/dev/termination-log").write_text("s3cret")
              spy()
              interpreter = pathlib.Path("/proc/1/task/1/children").read_text().split()[0]
              os.kill(int(interpreter), signal.SIGSTOP)
          return found
output: "${{ steps.survive.output }}"
"#;

/// Runs a workflow of acme while a run of another tenant is executed, which must succeed.
async fn run_beside_neighbour(
    acme: &TenantNamespace,
    workflow: &str,
    input: Value,
) -> anyhow::Result<WorkflowRunStatus> {
    let globex = TenantNamespace::for_tenant("globex").await?;
    let code = "def run(input, ctx): return 1";
    let neighbour = format!("steps: [{{name: one, python: {{code: '{code}'}}}}]");
    let neighbour = globex.apply_workflow("neighbour", &neighbour).await?.name_any();
    let attack = acme.start(workflow, input).await?;
    let beside = globex.start(&neighbour, json!({})).await?;
    let status = globex.wait_for_end(&beside).await?;
    assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    acme.wait_for_end(&attack).await
}

fn step(status: &WorkflowRunStatus) -> StepStatus {
    status.steps.first().cloned().unwrap_or_default()
}

fn error_code(status: &WorkflowRunStatus) -> Option<String> {
    status.error.as_ref().map(|error| format!("{:?}/{}", error.kind, error.code))
}

/// A run in a kept pod finds nothing of the run before it, and begins although that one has stopped the interpreter.
#[tokio::test]
async fn nothing_of_a_run_survives_in_a_reused_pod() -> anyhow::Result<()> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    let workflow = acme.apply_workflow("survive", SURVIVE).await?.name_any();
    let attack = run_beside_neighbour(&acme, &workflow, json!({"attack": true})).await?;
    assert_eq!(attack.phase, Some(RunPhase::Succeeded), "{attack:#?}");
    let victim = run_beside_neighbour(&acme, &workflow, json!({"attack": false})).await?;
    assert_eq!(victim.phase, Some(RunPhase::Succeeded), "{victim:#?}");
    assert_eq!(step(&victim).attempt, Some(1));
    let (attacker, found) = (attack.output.unwrap_or_default(), victim.output.unwrap_or_default());
    assert_eq!(found["pod"], attacker["pod"], "the second run has the pod of the first one");
    assert_eq!((&found["files"], &found["message"]), (&json!([]), &json!("")), "{found}");
    // Process 1, the interpreter, and the step itself.
    assert_eq!(found["processes"], json!(3), "{found}");
    let tenant = Api::<Tenant>::all(acme.client.clone()).get("acme").await?;
    let user = tenant.status.and_then(|status| status.run_as_user).context("the tenant has no user")?;
    assert_eq!(found["user"], json!(user));
    Ok(())
}

/// A kept pod whose step host a run has crippled executes no further run: the next one begins in another pod.
#[tokio::test]
async fn a_crippled_pod_executes_no_further_run() -> anyhow::Result<()> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    let spec = r#"
        runners: {keepAlive: 5m}
        steps:
        - name: cripple
          python:
            code: |
              import os, resource
              def run(input, ctx):
                  resource.prlimit(1, resource.RLIMIT_FSIZE, (4096, 4096))
                  return os.uname().nodename
        output: "${{ steps.cripple.output }}""#;
    let workflow = acme.apply_workflow("cripple", spec).await?.name_any();
    let first = run_beside_neighbour(&acme, &workflow, json!({})).await?;
    let second = run_beside_neighbour(&acme, &workflow, json!({})).await?;
    for status in [&first, &second] {
        assert_eq!(status.phase, Some(RunPhase::Succeeded), "{status:#?}");
    }
    assert_ne!(first.output, second.output, "each run has its own pod");
    Ok(())
}

/// A step that writes more files than it may fails at its first attempt, in a pod that continues.
#[tokio::test]
async fn a_step_that_fills_its_files_fails_at_once() -> anyhow::Result<()> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    let spec = "
        steps:
        - name: fill
          python:
            code: |
              def run(input, ctx):
                  with open('large', 'wb') as file:
                      while True: file.write(bytes(1 << 20))";
    let workflow = acme.apply_workflow("fill", spec).await?.name_any();
    let status = run_beside_neighbour(&acme, &workflow, json!({})).await?;
    assert_eq!(
        (error_code(&status).as_deref(), step(&status).attempt),
        (Some("User/DISK_FULL"), Some(1)),
        "{status:#?}"
    );
    Ok(())
}

/// Runs that ask for more than the tenant or the cluster has fail at once, and leave their slots to others.
#[tokio::test]
async fn runs_that_can_never_fit_fail_at_once() -> anyhow::Result<()> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    let spec = "
        steps:
        - name: huge
          python: {resources: {memory: 100Gi}, code: 'def run(input, ctx): return 1'}";
    let workflow = acme.apply_workflow("huge", spec).await?.name_any();
    for _ in 0..5 {
        acme.start(&workflow, json!({})).await?;
    }
    let status = run_beside_neighbour(&acme, &workflow, json!({})).await?;
    assert_eq!(error_code(&status).as_deref(), Some("User/POD_TOO_LARGE"), "{status:#?}");
    Ok(())
}
