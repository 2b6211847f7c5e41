//! A fake of the Kubernetes API for these tests: it stores tenants, workflows and runs, accepts three tokens, and can be down. `tests/mirror`
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

/// Revision that suspended runs execute. No workflow has it any more.
const OLD_REVISION: &str = "report-old";

/// Fake Kubernetes API. Clones share their state.
#[derive(Clone)]
pub(in crate::http) struct Kubernetes(Arc<Mutex<State>>);

struct State {
    runs: Vec<Value>,
    workflows: Vec<Value>,
    tenants: Vec<Value>,
    revisions: Vec<Value>,
    version: u64,
    is_down: bool,
    /// Number of further runs that are refused because other requests change the quota.
    contended_creations: usize,
    reviews: usize,
}

const OWN_MANAGER: &str = crds::constants::API_SERVER_MANAGER;

type Answer = (u16, Value);

impl Kubernetes {
    /// Creates a fake with the runs of the fixtures.
    pub(super) fn new() -> Self {
        let state = State {
            runs: fixtures::runs(),
            workflows: fixtures::workflows(),
            tenants: fixtures::tenants(),
            revisions: Vec::new(),
            version: 1_000,
            is_down: false,
            contended_creations: 0,
            reviews: 0,
        };
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

    /// Refuses the next creations of a run, because other requests change the quota of the namespace.
    pub(in crate::http) fn contend_creations(&self, count: usize) {
        self.state().contended_creations = count;
    }

    /// Returns the current state of a run.
    pub(in crate::http) fn run(&self, uid: &str) -> Value {
        self.state().runs.iter().find(|run| run["metadata"]["uid"] == uid).unwrap().clone()
    }

    /// Returns whether a run exists.
    pub(in crate::http) fn has_run(&self, uid: &str) -> bool {
        self.state().runs.iter().any(|run| run["metadata"]["uid"] == uid)
    }

    /// Returns the current state of a workflow.
    pub(in crate::http) fn workflow(&self, name: &str) -> Value {
        find(&self.state().workflows, name).1
    }

    /// Returns whether a workflow exists.
    pub(in crate::http) fn has_workflow(&self, name: &str) -> bool {
        find(&self.state().workflows, name).0 == 200
    }

    /// Returns whether a tenant exists.
    pub(in crate::http) fn has_tenant(&self, slug: &str) -> bool {
        find(&self.state().tenants, slug).0 == 200
    }

    /// Records that a tool manages fields of a workflow.
    pub(in crate::http) fn set_manager(&self, workflow: &str, manager: &str, fields: &Value) {
        set_manager(&mut self.state().workflows, workflow, manager, fields);
    }

    /// Records that a tool manages fields of a tenant.
    pub(in crate::http) fn set_tenant_manager(&self, slug: &str, manager: &str, fields: &Value) {
        set_manager(&mut self.state().tenants, slug, manager, fields);
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

    /// Suspends the step `write` of a run, which executes the revision `report-old`.
    pub(in crate::http) fn suspend(&self, uid: &str, waiting: &Value) {
        let step = json!({"name": "write", "phase": "Suspended", "waiting": waiting});
        let revision = json!({"name": OLD_REVISION});
        self.set_status(uid, json!({"phase": "Suspended", "revision": revision, "steps": [step]}));
    }

    /// Stores the revision `report-old`, whose step `write` has this form.
    pub(in crate::http) fn set_form(&self, schema: &Value) {
        let step = json!({"name": "write", "approval": {"message": "How much?", "schema": schema}});
        let data = json!({"schemaVersion": 1, "workflow": "report", "spec": {"steps": [step]}});
        self.state().revisions =
            vec![json!({"metadata": {"name": OLD_REVISION}, "revision": 1, "data": data})];
    }

    /// Stores revisions of a workflow, each with its number, the UID of its workflow and its digest.
    pub(in crate::http) fn set_revisions(&self, workflow: &str, revisions: &[(i64, &str, &str)]) {
        let revision = |(number, uid, digest): &(i64, &str, &str)| {
            json!({
                "metadata": {
                    "name": format!("{workflow}-{digest}"),
                    "labels": {"smbcopilot.dev/workflow": workflow},
                    "annotations": {"smbcopilot.dev/workflow-uid": uid},
                    "creationTimestamp": "2026-11-24T09:00:00Z",
                },
                "revision": number,
                "data": {"schemaVersion": 1, "workflow": workflow, "spec": {"steps": [], "timeout": "1m"}},
            })
        };
        self.state().revisions = revisions.iter().map(revision).collect();
    }

    /// Sets a text in the definitions of all stored revisions.
    pub(in crate::http) fn set_revision_text(&self, text: &str) {
        for revision in &mut self.state().revisions {
            revision["data"]["spec"]["description"] = text.into();
        }
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
        if path.contains("/workflows") || path.contains("/tenants") {
            let version = state.next_version();
            let objects = if path.contains("/workflows") { &mut state.workflows } else { &mut state.tenants };
            return match *method {
                Method::POST => create_object(objects, body, &version, query.contains("dryRun=All")),
                Method::GET => find(objects, name),
                _ => apply_object(objects, name, body, &version),
            };
        }
        match (method, name) {
            (&Method::GET, "workflowruns") => (200, assigned_runs(query)),
            (&Method::GET, "controllerrevisions") => (200, table(&state.revisions)),
            (&Method::POST, "workflowruns") => state.create(body),
            (&Method::GET, name) if path.contains("/controllerrevisions/") => find(&state.revisions, name),
            (&Method::GET, name) => find(&state.runs, name),
            (&Method::PATCH, name) => state.patch(name, body),
            (&Method::DELETE, name) => state.delete(name, body),
            _ => (405, json!({})),
        }
    }
}

impl State {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn create(&mut self, run: &Value) -> Answer {
        if let Some(left) = self.contended_creations.checked_sub(1) {
            self.contended_creations = left;
            return failure(409, "Conflict");
        }
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

    fn delete(&mut self, name: &str, options: &Value) -> Answer {
        let Some(index) = self.runs.iter().position(|run| run["metadata"]["name"] == name) else {
            return failure(404, "NotFound");
        };
        if options["preconditions"]["uid"] != self.runs[index]["metadata"]["uid"] {
            return failure(409, "Conflict");
        }
        (200, self.runs.remove(index))
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

fn set_manager(objects: &mut [Value], name: &str, manager: &str, fields: &Value) {
    let object = objects.iter_mut().find(|object| object["metadata"]["name"] == name).unwrap();
    object["metadata"]["managedFields"] =
        json!([{"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
}

/// Returns the entry of the API for all fields of a spec.
fn own_entry(operation: &str, spec: &Value) -> Value {
    let fields = spec.as_object().unwrap().keys().map(|field| (format!("f:{field}"), json!({})));
    let fields = json!({"f:spec": fields.collect::<Value>()});
    json!({"manager": OWN_MANAGER, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields})
}

fn create_object(objects: &mut Vec<Value>, object: &Value, version: &str, dry_run: bool) -> Answer {
    if objects.iter().any(|existing| existing["metadata"]["name"] == object["metadata"]["name"]) {
        return failure(409, "AlreadyExists");
    }
    let mut object = object.clone();
    object["metadata"]["uid"] = json!(telemetry::ids::uuid_v7());
    object["metadata"]["generation"] = json!(1);
    object["metadata"]["creationTimestamp"] = json!("2026-11-24T09:00:00Z");
    object["metadata"]["managedFields"] = json!([own_entry("Update", &object["spec"])]);
    if !dry_run {
        object["metadata"]["resourceVersion"] = json!(version);
        objects.push(object.clone());
    }
    (201, object)
}

/// Applies fields of an object as server-side apply does, as far as these tests need it: fields of the spec that were applied
/// before and are absent now are removed, and those that are given are merged.
fn apply_object(objects: &mut [Value], name: &str, applied: &Value, version: &str) -> Answer {
    let Some(object) = objects.iter_mut().find(|object| object["metadata"]["name"] == name) else {
        return failure(404, "NotFound");
    };
    let metadata = &applied["metadata"];
    if metadata["resourceVersion"] != object["metadata"]["resourceVersion"] {
        return failure(409, "Conflict");
    }
    object["metadata"]["resourceVersion"] = json!(version);
    if let Some(adopted) = metadata.get("managedFields") {
        object["metadata"]["managedFields"] = adopted.clone();
        return (200, object.clone());
    }
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    object["metadata"]["generation"] = json!(generation + 1);
    let is_own = |entry: &Value| entry["manager"] == OWN_MANAGER;
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let before = entries.iter().find(|entry| is_own(entry)).cloned().unwrap_or_default();
    let spec = object["spec"].as_object_mut().unwrap();
    for field in before["fieldsV1"]["f:spec"].as_object().into_iter().flat_map(serde_json::Map::keys) {
        spec.remove(field.trim_start_matches("f:"));
    }
    merge(&mut object["spec"], &applied["spec"]);
    entries.retain(|entry| !is_own(entry));
    entries.push(own_entry("Apply", &applied["spec"]));
    object["metadata"]["managedFields"] = json!(entries);
    (200, object.clone())
}

fn find(objects: &[Value], name: &str) -> Answer {
    match objects.iter().find(|object| object["metadata"]["name"] == name) {
        Some(object) => (200, object.clone()),
        None => failure(404, "NotFound"),
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

/// Returns revisions as the table that the API server makes of them.
fn table(revisions: &[Value]) -> Value {
    let row = |revision: &Value| {
        let metadata = &revision["metadata"];
        json!({"cells": [metadata["name"], "<none>", revision["revision"], "1h"], "object": {"metadata": metadata}})
    };
    json!({
        "columnDefinitions": [{"name": "Name"}, {"name": "Controller"}, {"name": "Revision"}, {"name": "Age"}],
        "rows": revisions.iter().map(row).collect::<Vec<_>>(),
    })
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
