//! A fake of the Kubernetes API for these tests: it stores runs, accepts three tokens, and can be down. `tests/mirror`
//! and `tests/node` send the same requests to a real one.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::{
    body::Body,
    http::{Method, Request, Response},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::fixtures::{self, QUEUED_RUN, RUN};

/// Token of a pod of acme to which `report-1` is assigned.
pub(in crate::http) const ASSIGNEE: &str = "token-of-assignee";
/// Token of a pod of acme without an assigned run.
pub(in crate::http) const IDLE: &str = "token-of-idle";
/// Token of a pod of globex that claims a run of acme.
pub(in crate::http) const FOREIGN: &str = "token-of-foreign";

/// Fake Kubernetes API. Clones share their state.
#[derive(Clone)]
pub(in crate::http) struct Kubernetes(Arc<Mutex<State>>);

struct State {
    runs: Vec<Value>,
    version: u64,
    is_down: bool,
    reviews: usize,
}

type Answer = (u16, Value);

impl Kubernetes {
    /// Creates a fake with the runs of the fixtures.
    pub(super) fn new() -> Self {
        let state = State { runs: fixtures::runs(), version: 1_000, is_down: false, reviews: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn client(&self) -> kube::Client {
        let own = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let own = own.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let (status, answer) = own.answer(&parts.method, &path, &body);
                Response::builder().status(status).body(Body::from(answer.to_string()))
            }
        });
        kube::Client::new(service, "default")
    }

    /// Returns how many tokens were reviewed.
    pub(in crate::http) fn reviews(&self) -> usize {
        self.state().reviews
    }

    /// Makes all further requests fail.
    pub(in crate::http) fn go_down(&self) {
        self.state().is_down = true;
    }

    /// Returns the current state of a run.
    pub(in crate::http) fn run(&self, uid: &str) -> Value {
        self.state().runs.iter().find(|run| run["metadata"]["uid"] == uid).unwrap().clone()
    }

    /// Returns the number of runs of a workflow.
    pub(in crate::http) fn count_of_workflow(&self, workflow: &str) -> usize {
        let is_run_of_workflow = |run: &&Value| run["spec"]["workflowRef"]["name"] == workflow;
        self.state().runs.iter().filter(is_run_of_workflow).count()
    }

    /// Replaces the status of a run.
    pub(in crate::http) fn set_status(&self, uid: &str, status: Value) {
        let mut state = self.state();
        let version = state.next_version();
        let run = state.runs.iter_mut().find(|run| run["metadata"]["uid"] == uid).unwrap();
        run["status"] = status;
        run["metadata"]["resourceVersion"] = json!(version);
    }

    /// Suspends the step `write` of a run.
    pub(in crate::http) fn suspend(&self, uid: &str, waiting: &Value) {
        let step = json!({"name": "write", "phase": "Suspended", "waiting": waiting});
        self.set_status(uid, json!({"phase": "Suspended", "steps": [step]}));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn answer(&self, method: &Method, path: &str, body: &Value) -> Answer {
        let mut state = self.state();
        if state.is_down {
            return (503, json!("down"));
        }
        if path.starts_with("/apis/authentication.k8s.io/v1/tokenreviews") {
            state.reviews += 1;
            return (201, review(body));
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        match (method, name) {
            (&Method::GET, "workflowruns") => (200, assigned_runs(query)),
            (&Method::POST, "workflowruns") => state.create(body),
            (&Method::GET, name) => state.get(name),
            (&Method::PATCH, name) => state.patch(name, body),
            _ => (405, json!({})),
        }
    }
}

impl State {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn get(&self, name: &str) -> Answer {
        match self.runs.iter().find(|run| run["metadata"]["name"] == name) {
            Some(run) => (200, run.clone()),
            None => failure(404, "NotFound"),
        }
    }

    fn create(&mut self, run: &Value) -> Answer {
        if self.runs.iter().any(|existing| existing["metadata"]["name"] == run["metadata"]["name"]) {
            return failure(409, "AlreadyExists");
        }
        let mut run = run.clone();
        run["metadata"]["uid"] = json!(telemetry::ids::uuid_v7());
        run["metadata"]["resourceVersion"] = json!(self.next_version());
        run["metadata"]["generation"] = json!(1);
        run["metadata"]["creationTimestamp"] = json!("2026-11-24T09:00:00Z");
        self.runs.push(run.clone());
        (201, run)
    }

    fn patch(&mut self, name: &str, patch: &Value) -> Answer {
        let version = self.next_version();
        let Some(run) = self.runs.iter_mut().find(|run| run["metadata"]["name"] == name) else {
            return failure(404, "NotFound");
        };
        let expected = &patch["metadata"]["resourceVersion"];
        if !expected.is_null() && *expected != run["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        merge(run, patch);
        run["metadata"]["resourceVersion"] = json!(version);
        (200, run.clone())
    }
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        merge(&mut target[name], value);
    }
}

fn failure(code: u16, reason: &str) -> Answer {
    (code, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}))
}

fn review(review: &Value) -> Value {
    let (namespace, pod) = match review["spec"]["token"].as_str().unwrap() {
        ASSIGNEE => ("t-acme", "assignee"),
        IDLE => ("t-acme", "idle"),
        FOREIGN => ("t-globex", "foreign"),
        _ => return json!({"metadata": {}, "spec": review["spec"], "status": {"authenticated": false}}),
    };
    json!({"metadata": {}, "spec": review["spec"], "status": {
        "authenticated": true,
        "audiences": review["spec"]["audiences"],
        "user": {"username": format!("system:serviceaccount:{namespace}:smb-runner"), "extra": {
            "authentication.kubernetes.io/pod-name": [pod],
            "authentication.kubernetes.io/pod-uid": [format!("uid-of-{pod}")],
        }},
    }})
}

fn assigned_runs(query: &str) -> Value {
    let run = if query.contains("uid-of-assignee") {
        QUEUED_RUN
    } else if query.contains("uid-of-foreign") {
        RUN
    } else {
        return json!({"metadata": {}, "items": []});
    };
    json!({"metadata": {}, "items": [{
        "apiVersion": "smbcopilot.dev/v1alpha1",
        "kind": "WorkflowRun",
        "metadata": {"name": "assigned", "uid": run},
        "spec": {"workflowRef": {"name": "report"}},
    }]})
}
