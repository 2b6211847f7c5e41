//! Requests to the api-server's internal port with the token of a runner: logs and stored outputs of runs.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Context as _;
use crds::{WorkflowRun, names, run::RunPhase};
use futures::future::try_join_all;
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use protocol::internal;
use serde_json::{Value, json};
use tests::{docs::section, tenant_namespace::TenantNamespace};

use super::{super::pods::python, PAGE, tenants};

const URL: &str = "http://smb-copilot-api-server.smb-copilot:8081";
/// SHA-256 of the output `{}`.
const SHA256: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
/// Sends requests, and writes the status of each response, and the body of those that succeed.
const PROGRAM: &str = r#"
import json, sys, urllib.error, urllib.request

found = {}
for name, method, url, token, body in json.loads(sys.argv[1]):
    request = urllib.request.Request(url, None if body is None else body.encode(), method=method)
    request.add_header("Authorization", "Bearer " + token)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            found[name] = [response.status, response.read().decode()[:300]]
    except urllib.error.HTTPError as error:
        found[name] = [error.code, ""]
with open("/dev/termination-log", "w") as file:
    json.dump(found, file)
"#;
const WORKFLOW: &str = "
steps:
- name: hold
  python: {code: \"import time\\ndef run(input, ctx): time.sleep(600)\"}";

/// A run in progress, and the token of its pod.
struct Holder {
    namespace: TenantNamespace,
    run: WorkflowRun,
    pod: String,
    token: String,
    /// URI of an output of the run, once it is stored.
    uri: String,
}

/// A request: its name, method, URL, token and body.
type Request = (String, &'static str, String, String, Option<String>);

impl Holder {
    async fn start(slug: &str) -> anyhow::Result<Self> {
        let namespace = TenantNamespace::for_tenant(slug).await?;
        let workflow = namespace.apply_workflow("hold", WORKFLOW).await?.name_any();
        let run = namespace.start(&workflow, json!({})).await?;
        let runs = |status: &crds::WorkflowRunStatus| status.phase == Some(RunPhase::Running);
        let status = namespace.wait_until(&run, "it is running", runs).await?;
        let runner = status.runner.context("the run has no runner")?;
        let (pod, uid) = (runner.pod.context("the run has no pod")?, runner.pod_uid);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![names::API_TOKEN_AUDIENCE.to_owned()],
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: Some(pod.clone()),
                    uid,
                }),
                expiration_seconds: None,
            },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(namespace.client.clone(), &namespace.name);
        let account = names::RUNNER_SERVICE_ACCOUNT;
        let issued = accounts.create_token_request(account, &PostParams::default(), &request).await?;
        let token = issued.status.context("the token request has no status")?.token;
        let mut holder = Self { namespace, run, pod, token, uri: String::new() };
        holder.uri = holder.store_output().await?;
        Ok(holder)
    }

    /// Sends requests from a pod of the tenant, and returns the status and the body of each response.
    async fn send(&self, requests: &[Request]) -> anyhow::Result<BTreeMap<String, (u16, String)>> {
        let place = (self.namespace.name.as_str(), "default");
        python(&self.namespace.client, place, PROGRAM, &[&serde_json::to_string(requests)?]).await
    }

    /// Stores an output of the run, and returns its URI.
    async fn store_output(&self) -> anyhow::Result<String> {
        let found = self.send(&[self.request("store", self)]).await?;
        let (status, body) = found.get("store").context("no response")?;
        let stored: Value = serde_json::from_str(body).with_context(|| format!("{status} {body}"))?;
        Ok(stored.get("uri").and_then(Value::as_str).context("the response has no URI")?.to_owned())
    }

    /// Returns a request for the run of a holder with this holder's token.
    fn request(&self, what: &str, of: &Self) -> Request {
        let run = of.run.uid().unwrap_or_default();
        let line = json!({"seq": 0, "time": "2026-11-26T08:00:00Z", "step": "hold", "attempt": 1,
            "stream": "stdout", "line": "hello"});
        let (method, path, body) = match what {
            "write a line of its log" => {
                ("POST", internal::logs_path(&run), Some(json!({"pod": self.pod, "lines": [line]})))
            }
            "write a line of its log in the name of its pod" => {
                ("POST", internal::logs_path(&run), Some(json!({"pod": of.pod, "lines": [line]})))
            }
            "read its output" => ("GET", format!("{}?uri={}", internal::outputs_path(&run), of.uri), None),
            "read its output through an own run" => {
                let own = self.run.uid().unwrap_or_default();
                ("GET", format!("{}?uri={}", internal::outputs_path(&own), of.uri), None)
            }
            _ => ("PUT", internal::output_path(&run, SHA256), Some(json!({}))),
        };
        let body = body.map(|body| body.to_string());
        (what.to_owned(), method, format!("{URL}{path}"), self.token.clone(), body)
    }
}

/// What is tried with each run of another tenant, and with the own one.
const ATTEMPTS: [&str; 5] = [
    "store an output of it",
    "read its output",
    "read its output through an own run",
    "write a line of its log",
    "write a line of its log in the name of its pod",
];

/// A runner, or whoever has its token, reads and writes outputs and logs of its own run only.
#[tokio::test]
async fn no_runner_reaches_runs_of_another_tenant() -> anyhow::Result<()> {
    let slugs = tenants::get_or_create().await?;
    let holders = try_join_all(slugs.iter().map(|slug| Holder::start(slug))).await?;
    let mut statuses = BTreeMap::new();
    for attacker in &holders {
        for victim in &holders {
            let requests: Vec<_> = ATTEMPTS.iter().map(|what| attacker.request(what, victim)).collect();
            let found = attacker.send(&requests).await?;
            for what in ATTEMPTS {
                let (status, body) = found.get(what).with_context(|| format!("{what} has no result"))?;
                let is_own = attacker.pod == victim.pod;
                let expected: &[u16] = if is_own { &[200, 201, 204] } else { &[403, 404] };
                assert!(expected.contains(status), "{what}: {status} {body}");
                statuses.insert((what, is_own), *status);
            }
        }
    }
    for Holder { namespace, run, .. } in &holders {
        let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
        namespace.runs().patch(&run.name_any(), &PatchParams::default(), &cancel).await?;
    }
    let mut table = String::from(
        "| with the token of a runner | run of another tenant | own run |\n| --- | --- | --- |\n",
    );
    for what in ATTEMPTS {
        let status = |is_own| statuses.get(&(what, is_own)).copied().unwrap_or_default();
        let _ = writeln!(table, "| {what} | {} | {} |", status(false), status(true));
    }
    section::check(PAGE, "runners", &table)
}
