//! A runner can write only the status of the run that is assigned to its pod, and only forwards.

use crds::WorkflowRun;
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster::{client, config, unique};

use tests::test_namespace::TestNamespace;

use super::{accepted, refusal, refused};

const FENCE: &str = "smb-copilot-runner-fence";

/// A runner with a pod of its own.
struct Runner {
    pod_uid: String,
    runs: Api<WorkflowRun>,
}

async fn service_account(client: &Client, namespace: &TestNamespace) -> anyhow::Result<()> {
    let account = serde_json::from_value(json!({"metadata": {"name": "smb-runner"}}))?;
    namespace.api::<ServiceAccount>(client).create(&PostParams::default(), &account).await?;
    let subject = json!({"kind": "ServiceAccount", "name": "smb-runner", "namespace": namespace.name});
    namespace.bind("smb-copilot-runner", subject).await
}

/// Creates a runner with a token that the API server issued for its pod: the policy reads the pod's UID from
/// the token.
async fn create_runner(client: &Client, namespace: &TestNamespace) -> anyhow::Result<Runner> {
    let pod = serde_json::from_value(json!({
        "metadata": {"name": unique("runner")},
        "spec": {"serviceAccountName": "smb-runner", "containers": [{"name": "runner", "image": "docker.io/smb-copilot/runner:local"}]},
    }))?;
    let pod: Pod = namespace.api(client).create(&PostParams::default(), &pod).await?;
    let (name, pod_uid) = (pod.name_any(), pod.uid().unwrap_or_default());
    let request: TokenRequest = serde_json::from_value(json!({"metadata": {}, "spec": {
        "audiences": [], "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": pod_uid},
    }}))?;
    let accounts = namespace.api::<ServiceAccount>(client);
    let issued = accounts.create_token_request("smb-runner", &PostParams::default(), &request).await?;
    let mut config = config().await?;
    config.auth_info = serde_json::from_value(json!({"token": issued.status.map(|status| status.token)}))?;
    Ok(Runner { pod_uid, runs: namespace.api(&Client::try_from(config)?) })
}

/// Creates a run that is assigned to a pod.
async fn create_assigned_run(
    client: &Client,
    namespace: &TestNamespace,
    runner: &Runner,
    phase: &str,
) -> anyhow::Result<String> {
    let runs = namespace.api::<WorkflowRun>(client);
    let run = serde_json::from_value(json!({
        "metadata": {"name": unique("held")}, "spec": {"workflowRef": {"name": "order-invoice"}},
    }))?;
    let name = runs.create(&PostParams::default(), &run).await?.name_any();
    let status = json!({
        "phase": phase, "startedAt": "2026-11-24T08:00:00Z",
        "revision": {"name": "order-invoice-1"},
        "runner": {"job": "run-1", "pod": "run-1-x", "podUid": runner.pod_uid},
        "conditions": [condition("Stalled", "False")],
    });
    write(&runs, &name, status).await?;
    Ok(name)
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "Test", "message": "", "lastTransitionTime": "2026-11-24T08:00:00Z"})
}

async fn write(runs: &Api<WorkflowRun>, name: &str, status: Value) -> kube::Result<WorkflowRun> {
    runs.patch_status(name, &PatchParams::default(), &Patch::Merge(&json!({"status": status}))).await
}

/// A runner, or a tenant's code with its token, can write only the run that is assigned to its pod.
#[tokio::test]
async fn a_runner_writes_only_the_run_of_its_pod() -> anyhow::Result<()> {
    let client = client().await?;
    let namespace = TestNamespace::managed(&client).await?;
    service_account(&client, &namespace).await?;
    let (holder, other) =
        (create_runner(&client, &namespace).await?, create_runner(&client, &namespace).await?);
    let run = create_assigned_run(&client, &namespace, &holder, "Queued").await?;

    let running = json!({"phase": "Running", "steps": [{"name": "parse", "phase": "Running", "attempt": 1}]});
    refused("only the pod that a run is assigned to may write its status", || {
        write(&other.runs, &run, running.clone())
    })
    .await?;
    accepted("its pod", || write(&holder.runs, &run, running.clone())).await?;

    let reassigned = json!({"runner": {"podUid": other.pod_uid}});
    let by_operator = json!({"queue": {"position": 1, "reason": "PlanConcurrency"}});
    let all = |with: Value| json!({"conditions": [condition("Stalled", "False"), with]});
    for (status, words) in [
        (reassigned, "a runner may release a run by clearing status.runner, but must not change it"),
        (json!({"phase": "Queued"}), "never back to Queued"),
        (by_operator, "a runner may remove status.queue when it begins to execute the run"),
        (
            json!({"revision": {"name": "order-invoice-2"}}),
            "only the operator may write status.revision and status.concurrency, and a set status.startedAt is immutable",
        ),
        (
            json!({"concurrency": {"key": "7", "limit": 9}}),
            "only the operator may write status.revision and status.concurrency, and a set status.startedAt is immutable",
        ),
        (
            json!({"startedAt": "2026-11-24T09:00:00Z"}),
            "only the operator may write status.revision and status.concurrency, and a set status.startedAt is immutable",
        ),
        (
            all(condition("Archived", "True")),
            "a runner may write only the conditions Succeeded and Reconciling",
        ),
        (json!({"conditions": []}), "a runner may write only the conditions Succeeded and Reconciling"),
    ] {
        let message = refusal(write(&holder.runs, &run, status.clone()).await)?;
        assert!(
            message.as_ref().is_some_and(|message| message.contains(FENCE) && message.contains(words)),
            "{status}: {message:?}"
        );
    }

    let mut done = all(condition("Succeeded", "True"));
    done["phase"] = json!("Succeeded");
    assert_eq!(refusal(write(&holder.runs, &run, done).await)?, None);
    let message = refusal(write(&holder.runs, &run, json!({"phase": "Failed"})).await)?;
    assert!(message.as_ref().is_some_and(|message| message.contains("the run has finished")), "{message:?}");
    namespace.delete().await
}

/// A runner that is asked to stop can release its run once.
#[tokio::test]
async fn a_runner_can_release_its_run_once() -> anyhow::Result<()> {
    let client = client().await?;
    let namespace = TestNamespace::managed(&client).await?;
    service_account(&client, &namespace).await?;
    let holder = create_runner(&client, &namespace).await?;
    let run = create_assigned_run(&client, &namespace, &holder, "Running").await?;
    accepted("a runner releases its run", || write(&holder.runs, &run, json!({"runner": null}))).await?;
    let words = "the run is assigned to no pod";
    refused(words, || write(&holder.runs, &run, json!({"phase": "Running", "step": "parse"}))).await?;
    namespace.delete().await
}

fn sub_run(trigger: &Value, label: &str) -> anyhow::Result<WorkflowRun> {
    Ok(serde_json::from_value(json!({
        "metadata": {
            "name": unique("sub"),
            "labels": {"smbcopilot.dev/parent": label},
            "annotations": {"smbcopilot.dev/traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        },
        "spec": {"workflowRef": {"name": "order-invoice"}, "trigger": trigger},
    }))?)
}

/// Only the runner of the parent run can create and cancel sub-runs; neither a user nor a token of another
/// pod can.
#[tokio::test]
async fn only_runners_create_and_cancel_sub_runs() -> anyhow::Result<()> {
    let client = client().await?;
    let namespace = TestNamespace::managed(&client).await?;
    service_account(&client, &namespace).await?;
    let holder = create_runner(&client, &namespace).await?;
    let runs = namespace.api::<WorkflowRun>(&client);
    let parent = json!({"name": "order-7", "uid": "uid-of-order-7", "step": "invoice", "depth": 1});
    let trigger = json!({"kind": "Workflow", "parent": parent});
    let sub = sub_run(&trigger, "order-7")?;
    accepted("a runner's sub-run", || async {
        holder.runs.create(&PostParams { dry_run: true, ..PostParams::default() }, &sub).await
    })
    .await?;
    let made = holder.runs.create(&PostParams::default(), &sub).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    for (api, run, words) in [
        (&runs, sub_run(&trigger, "order-7")?, "only the runner of the parent run may create a sub-run"),
        (&holder.runs, sub_run(&json!({"kind": "Manual"}), "order-7")?, "a runner may create only sub-runs"),
        (
            &holder.runs,
            sub_run(&trigger, "order-8")?,
            "a new sub-run must have the label smbcopilot.dev/parent",
        ),
    ] {
        let message = refusal(api.create(&dry_run, &run).await)?;
        assert!(message.as_ref().is_some_and(|message| message.contains(words)), "{words}: {message:?}");
    }
    let mut annotated = sub.clone();
    annotated.annotations_mut().insert("smbcopilot.dev/any".to_owned(), "1".to_owned());
    let words = "metadata.annotations must not contain or change";
    refused(words, || holder.runs.create(&dry_run, &annotated)).await?;
    let other = create_assigned_run(&client, &namespace, &holder, "Running").await?;
    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    let words = "a runner may change only spec.cancel, and only of a sub-run";
    let message = refusal(holder.runs.patch(&other, &PatchParams::default(), &cancel).await)?;
    assert!(message.as_ref().is_some_and(|message| message.contains(words)), "{message:?}");
    holder.runs.patch(&made.name_any(), &PatchParams::default(), &cancel).await?;
    namespace.delete().await
}

/// The probe with which the operator checks that the policy is effective is refused by it.
#[tokio::test]
async fn the_probe_of_the_operator_is_refused() -> anyhow::Result<()> {
    let client = client().await?;
    let namespace = TestNamespace::managed(&client).await?;
    service_account(&client, &namespace).await?;
    let holder = create_runner(&client, &namespace).await?;
    let run = create_assigned_run(&client, &namespace, &holder, "Queued").await?;
    let runs = namespace.api::<WorkflowRun>(&client);
    let probe = json!({"runner": {"podUid": "00000000-0000-0000-0000-000000000000"}});
    refused(FENCE, || write(&runs, &run, probe.clone())).await?;
    assert_eq!(refusal(write(&runs, &run, json!({"runner": {"pod": "run-1-y"}})).await)?, None);
    namespace.delete().await
}
