//! In-memory implementation of the API server with resource versions, the assignment check on writes, and events.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use crds::{WorkflowRun, WorkflowSpec, run::Cancel};
use domain::{egress::Egress, run::is_same_run};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    api::ApiServer,
    assignment::{AssignmentEvent, Assignments},
    cluster::{ChildRunEvent, ClusterApi, CreateError, ReadError, Revision, TenantConfig, WriteError},
};

pub(super) const RUN: &str = "nightly-7";
/// ID of the trace that the run continues.
pub(super) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Cluster with one run, its workflow and its sub-runs. Clones share their state.
#[derive(Clone)]
pub(super) struct MemoryCluster {
    state: Arc<Mutex<State>>,
}

struct State {
    run: Value,
    spec: WorkflowSpec,
    version: u64,
    writes: Vec<Vec<Value>>,
    /// Faults of the next writes.
    faults: VecDeque<Fault>,
    /// Faults of the next creations of sub-runs.
    creation_faults: VecDeque<Fault>,
    watcher: Option<(String, mpsc::Sender<AssignmentEvent>)>,
    /// Sub-runs by name.
    children: BTreeMap<String, Value>,
    children_watcher: Option<mpsc::Sender<ChildRunEvent>>,
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    api: Option<ApiServer>,
}

/// Fault of one write.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// The API server is unavailable.
    Unavailable,
    /// The write succeeds, but its response is lost.
    ResponseLost,
    /// Another writer has changed the run just before.
    Conflict,
    /// The operator has ended the run just before.
    EndedByOperator,
}

/// Cluster with the permissions of one pod.
pub(super) struct PodCluster {
    pub(super) memory: MemoryCluster,
    pub(super) pod: String,
}

impl MemoryCluster {
    pub(super) fn new(spec: &str, input: &Value) -> Self {
        let run = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": RUN, "namespace": "t-acme", "uid": format!("run-{}", telemetry::ids::uuid_v7()),
                         "annotations": {"smbcopilot.dev/traceparent": format!("00-{TRACE}-b7ad6b7169203331-01")},
                         "resourceVersion": "1", "creationTimestamp": telemetry::clock::now().to_string()},
            "spec": {"workflowRef": {"name": "nightly"}, "input": input},
            "status": {"phase": "Queued", "revision": {"name": "nightly-5d8c"}}
        });
        let state = State {
            run,
            spec: serde_yaml::from_str(spec).unwrap(),
            version: 1,
            writes: Vec::new(),
            faults: VecDeque::new(),
            creation_faults: VecDeque::new(),
            watcher: None,
            children: BTreeMap::new(),
            children_watcher: None,
            secrets: BTreeMap::new(),
            api: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Adds a value of a Secret that is mounted into the pods.
    pub(super) fn with_secret(self, name: &str, key: &str, value: &str) -> Self {
        self.lock().secrets.entry(name.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds an api-server.
    pub(super) fn with_api(self, api: ApiServer) -> Self {
        self.lock().api = Some(api);
        self
    }

    pub(super) fn api(&self) -> Option<ApiServer> {
        self.lock().api.clone()
    }

    pub(super) fn write_secrets(&self, directory: &Path) {
        for (name, values) in &self.lock().secrets {
            std::fs::create_dir_all(directory.join(name)).unwrap();
            for (key, value) in values {
                std::fs::write(directory.join(name).join(key), value).unwrap();
            }
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<WorkflowRun> {
        self.lock().children.get(name).map(|run| serde_json::from_value(run.clone()).unwrap())
    }

    pub(super) fn child_names(&self) -> Vec<String> {
        self.lock().children.keys().cloned().collect()
    }

    /// Sets the status of a sub-run, as its own runner does.
    pub(super) fn end_child(&self, name: &str, status: &Value) {
        let mut state = self.lock();
        let child = state.children.get_mut(name).unwrap();
        child["status"] = status.clone();
        state.notify_children_watcher(name);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn run(&self) -> WorkflowRun {
        serde_json::from_value(self.lock().run.clone()).unwrap()
    }

    pub(super) fn spec(&self) -> WorkflowSpec {
        self.lock().spec.clone()
    }

    pub(super) fn writes(&self) -> usize {
        self.lock().writes.len()
    }

    pub(super) fn fail_next(&self, faults: &[Fault]) {
        self.lock().faults.extend(faults);
    }

    pub(super) fn fail_creations(&self, faults: &[Fault]) {
        self.lock().creation_faults.extend(faults);
    }

    /// Returns all writes so far as text.
    pub(super) fn everything_written(&self) -> String {
        serde_json::to_string(&self.lock().writes).unwrap()
    }

    /// Waits until the run meets a condition.
    pub(super) async fn wait_until(&self, condition: impl Fn(&WorkflowRun) -> bool) {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !condition(&self.run()) {
            assert!(tokio::time::Instant::now() < until, "{:#?}", self.run().status);
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn delete_child(&self, name: &str) {
        self.lock().children.remove(name);
    }

    /// Changes the run, as the operator or a user does, and notifies the watcher.
    pub(super) fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.lock();
        let previous_pod = assigned_pod(&state.run);
        change(&mut state.run);
        state.increase_version();
        let run: WorkflowRun = serde_json::from_value(state.run.clone()).unwrap();
        if let Some((pod, to)) = &state.watcher {
            let assignment =
                match (previous_pod.as_ref() == Some(pod), assigned_pod(&state.run).as_ref() == Some(pod)) {
                    (_, true) => Some(AssignmentEvent::Assigned(Box::new(run))),
                    (true, false) => Some(AssignmentEvent::PossiblyRevoked { run: RUN.into() }),
                    (false, false) => None,
                };
            // A pod that has exited receives no more events.
            assignment.into_iter().for_each(|assignment| drop(to.try_send(assignment)));
        }
    }

    /// Assigns the run to a pod and returns the assignments of the pod.
    pub(super) fn assign(&self, pod: &str) -> Assignments {
        let (to, from) = mpsc::channel(16);
        self.lock().watcher = Some((pod.to_owned(), to));
        self.change(|run| {
            run["status"]["runner"] = json!({"podUid": pod});
            run["status"]["queue"] =
                json!({"reason": "PodStarting", "message": "pod run-1-x is being scheduled"});
        });
        Assignments::new(from)
    }
}

impl State {
    fn increase_version(&mut self) {
        self.version += 1;
        self.run["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    /// Ends the run, as the operator does if no runner has begun to execute it.
    fn end(&mut self) {
        let status = self.run["status"].as_object_mut().unwrap();
        status.remove("queue");
        status.extend([
            ("phase".to_owned(), json!("Cancelled")),
            ("finishedAt".to_owned(), json!(telemetry::clock::now().to_string())),
        ]);
        self.increase_version();
    }

    fn apply(&mut self, patch: &[Value]) {
        for operation in patch {
            let path = operation["path"].as_str().unwrap();
            let (parent, field) = path.rsplit_once('/').unwrap();
            let parent = self.run.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match operation["op"].as_str().unwrap() {
                "remove" => assert!(parent.remove(field).is_some(), "{path} does not exist"),
                _ => drop(parent.insert(field.to_owned(), operation["value"].clone())),
            }
        }
        self.writes.push(patch.to_vec());
        self.increase_version();
    }
}

impl State {
    /// Sends the current version of a sub-run to its watcher.
    fn notify_children_watcher(&self, name: &str) {
        let Some(to) = &self.children_watcher else { return };
        let run = serde_json::from_value(self.children[name].clone()).unwrap();
        // The receiver may be dropped.
        let _ = to.try_send(ChildRunEvent::Applied(Box::new(run)));
    }
}

/// Returns the UID of the pod to which a run is assigned.
fn assigned_pod(run: &Value) -> Option<String> {
    run["status"]["runner"]["podUid"].as_str().map(str::to_owned)
}

impl ClusterApi for PodCluster {
    async fn run(&self, name: &str) -> Result<Option<WorkflowRun>, ReadError> {
        Ok(if name == RUN { Some(self.memory.run()) } else { self.memory.child(name) })
    }

    async fn revision(&self, _: &str) -> Result<Revision, ReadError> {
        Ok(Revision { workflow: "nightly".into(), spec: self.memory.lock().spec.clone() })
    }

    async fn tenant(&self) -> Result<TenantConfig, ReadError> {
        Ok(TenantConfig {
            name: "acme".into(),
            settings: json!({"country": "DE"}),
            egress: Egress::default(),
        })
    }

    async fn patch_status(&self, name: &str, patch: &[Value]) -> Result<WorkflowRun, WriteError> {
        let run = || name.to_owned();
        let transient = || WriteError::Transient { run: run(), source: None };
        let mut state = self.memory.lock();
        let fault = state.faults.pop_front();
        match fault {
            Some(Fault::Unavailable) => return Err(transient()),
            Some(Fault::Conflict) => state.increase_version(),
            Some(Fault::EndedByOperator) => state.end(),
            Some(Fault::ResponseLost) | None => {}
        }
        let is_final = state.run["status"]["finishedAt"].is_string();
        if assigned_pod(&state.run).as_ref() != Some(&self.pod) || is_final {
            return Err(WriteError::NotAssigned { run: run() });
        }
        if patch[0]["value"] != state.run["metadata"]["resourceVersion"] {
            return Err(WriteError::Conflict { run: run() });
        }
        state.apply(patch);
        drop(state);
        match fault {
            Some(Fault::ResponseLost) => Err(transient()),
            _ => Ok(self.memory.run()),
        }
    }

    async fn create_run(&self, run: &WorkflowRun) -> Result<(), CreateError> {
        let name = run.metadata.name.clone().unwrap();
        let mut state = self.memory.lock();
        match state.creation_faults.pop_front() {
            Some(Fault::Unavailable) => return Err(CreateError::Transient { run: name, source: None }),
            Some(Fault::ResponseLost) => {
                state.children.insert(name.clone(), serde_json::to_value(run).unwrap());
                return Err(CreateError::Transient { run: name, source: None });
            }
            Some(Fault::Conflict | Fault::EndedByOperator) | None => {}
        }
        match state.children.get(&name) {
            Some(found) => {
                let found: WorkflowRun = serde_json::from_value(found.clone()).unwrap();
                if is_same_run(&found.spec, &run.spec) {
                    Ok(())
                } else {
                    Err(CreateError::Taken { run: name })
                }
            }
            None => {
                state.children.insert(name, serde_json::to_value(run).unwrap());
                Ok(())
            }
        }
    }

    async fn cancel_run(&self, name: &str, cancel: Cancel) -> Result<(), WriteError> {
        let mut state = self.memory.lock();
        if let Some(child) = state.children.get_mut(name) {
            child["spec"]["cancel"] = json!(cancel);
        }
        Ok(())
    }

    async fn watch_child_runs(&self, parent: String, to: mpsc::Sender<ChildRunEvent>) {
        {
            let mut state = self.memory.lock();
            assert_eq!(parent, RUN);
            state.children_watcher = Some(to);
            let names: Vec<String> = state.children.keys().cloned().collect();
            names.iter().for_each(|name| state.notify_children_watcher(name));
        }
        std::future::pending().await
    }
}
