//! An API server in memory, as far as a runner can tell: versions, the fence, and events.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use crds::{WorkflowRun, WorkflowSpec, run::Cancel};
use domain::egress::Egress;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    api::ApiServer,
    assignment::Assignment,
    store::{ChildEvent, CreateError, ReadError, Revision, Store, Tenant, WriteError},
};

pub(super) const RUN: &str = "nightly-7";

/// One run with its workflow; clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
}

struct State {
    run: Value,
    spec: WorkflowSpec,
    version: u64,
    writes: Vec<Vec<Value>>,
    /// What becomes of the next writes.
    faults: VecDeque<Fault>,
    /// And of the next creations of sub-runs.
    creation_faults: VecDeque<Fault>,
    watcher: Option<(String, mpsc::Sender<Assignment>)>,
    /// Sub-runs by name, and who watches them.
    children: BTreeMap<String, Value>,
    children_watcher: Option<mpsc::Sender<ChildEvent>>,
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    api: Option<ApiServer>,
}

/// What may come between a runner and its write.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// The API server is not there.
    Down,
    /// It writes, but its answer is lost.
    AnswerLost,
    /// Somebody else wrote just before.
    Overtaken,
}

/// The store as one pod sees it.
pub(super) struct PodStore {
    pub(super) memory: Memory,
    pub(super) pod: String,
}

impl Memory {
    pub(super) fn new(spec: &str, input: &Value) -> Self {
        let run = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": RUN, "namespace": "t-acme", "uid": format!("run-{}", telemetry::ids::uuid_v7()),
                         "resourceVersion": "1", "creationTimestamp": telemetry::clock::now().to_string()},
            "spec": {"workflowRef": {"name": "nightly"}, "input": input},
            "status": {"phase": "Queued", "revision": {"name": "nightly-5d8c"},
                       "startedAt": telemetry::clock::now().to_string()}
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

    /// With a Secret in the pod.
    pub(super) fn with_secret(self, name: &str, key: &str, value: &str) -> Self {
        self.lock().secrets.entry(name.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
        self
    }

    /// With an api-server.
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

    /// As the child's own runner does it.
    pub(super) fn end_child(&self, name: &str, status: &Value) {
        let mut state = self.lock();
        let child = state.children.get_mut(name).unwrap();
        child["status"] = status.clone();
        state.report_child(name);
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

    /// All that was ever written, as text.
    pub(super) fn everything_written(&self) -> String {
        serde_json::to_string(&self.lock().writes).unwrap()
    }

    /// Waits until the run is so.
    pub(super) async fn until(&self, is_so: impl Fn(&WorkflowRun) -> bool) {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while !is_so(&self.run()) {
            assert!(tokio::time::Instant::now() < until, "{:#?}", self.run().status);
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn delete_child(&self, name: &str) {
        self.lock().children.remove(name);
    }

    /// As the operator or a user does it.
    pub(super) fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.lock();
        let before = holder(&state.run);
        change(&mut state.run);
        state.touch();
        let run: WorkflowRun = serde_json::from_value(state.run.clone()).unwrap();
        if let Some((pod, to)) = &state.watcher {
            let assignment = match (before.as_ref() == Some(pod), holder(&state.run).as_ref() == Some(pod)) {
                (_, true) => Some(Assignment::Held(Box::new(run))),
                (true, false) => Some(Assignment::Doubtful { run: RUN.into() }),
                (false, false) => None,
            };
            // A pod that has left does not listen any more.
            assignment.into_iter().for_each(|assignment| drop(to.try_send(assignment)));
        }
    }

    pub(super) fn assign(&self, pod: &str) -> mpsc::Receiver<Assignment> {
        let (to, from) = mpsc::channel(16);
        self.lock().watcher = Some((pod.to_owned(), to));
        self.change(|run| run["status"]["runner"] = json!({"podUid": pod}));
        from
    }
}

impl State {
    fn touch(&mut self) {
        self.version += 1;
        self.run["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }

    fn apply(&mut self, patch: &[Value]) {
        for operation in patch {
            let path = operation["path"].as_str().unwrap();
            let (parent, field) = path.rsplit_once('/').unwrap();
            let parent = self.run.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match operation["op"].as_str().unwrap() {
                "remove" => assert!(parent.remove(field).is_some(), "{path} is not there"),
                _ => drop(parent.insert(field.to_owned(), operation["value"].clone())),
            }
        }
        self.writes.push(patch.to_vec());
        self.touch();
    }
}

impl State {
    fn report_child(&self, name: &str) {
        let Some(to) = &self.children_watcher else { return };
        let run = serde_json::from_value(self.children[name].clone()).unwrap();
        // Nobody may listen any more.
        let _ = to.try_send(ChildEvent::Seen(Box::new(run)));
    }
}

fn holder(run: &Value) -> Option<String> {
    run["status"]["runner"]["podUid"].as_str().map(str::to_owned)
}

impl Store for PodStore {
    async fn run(&self, name: &str) -> Result<Option<WorkflowRun>, ReadError> {
        Ok(if name == RUN { Some(self.memory.run()) } else { self.memory.child(name) })
    }

    async fn revision(&self, _: &str) -> Result<Revision, ReadError> {
        Ok(Revision { workflow: "nightly".into(), spec: self.memory.lock().spec.clone() })
    }

    async fn tenant(&self) -> Result<Tenant, ReadError> {
        Ok(Tenant { name: "acme".into(), settings: json!({"country": "DE"}), egress: Egress::default() })
    }

    async fn patch_status(&self, name: &str, patch: &[Value]) -> Result<WorkflowRun, WriteError> {
        let run = || name.to_owned();
        let transient = || WriteError::Transient { run: run(), source: None };
        let mut state = self.memory.lock();
        let fault = state.faults.pop_front();
        match fault {
            Some(Fault::Down) => return Err(transient()),
            Some(Fault::Overtaken) => state.touch(),
            Some(Fault::AnswerLost) | None => {}
        }
        let is_final = state.run["status"]["finishedAt"].is_string();
        if holder(&state.run).as_ref() != Some(&self.pod) || is_final {
            return Err(WriteError::NotHeld { run: run() });
        }
        if patch[0]["value"] != state.run["metadata"]["resourceVersion"] {
            return Err(WriteError::Conflict { run: run() });
        }
        state.apply(patch);
        drop(state);
        match fault {
            Some(Fault::AnswerLost) => Err(transient()),
            _ => Ok(self.memory.run()),
        }
    }

    async fn create_run(&self, run: &WorkflowRun) -> Result<(), CreateError> {
        let name = run.metadata.name.clone().unwrap();
        let mut state = self.memory.lock();
        match state.creation_faults.pop_front() {
            Some(Fault::Down) => return Err(CreateError::Transient { run: name, source: None }),
            Some(Fault::AnswerLost) => {
                state.children.insert(name.clone(), serde_json::to_value(run).unwrap());
                return Err(CreateError::Transient { run: name, source: None });
            }
            Some(Fault::Overtaken) | None => {}
        }
        let of = |run: &WorkflowRun| run.spec.trigger.clone().unwrap().parent.unwrap();
        match state.children.get(&name) {
            Some(found) => {
                let found: WorkflowRun = serde_json::from_value(found.clone()).unwrap();
                if of(&found) == of(run) { Ok(()) } else { Err(CreateError::Taken { run: name }) }
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

    async fn watch_children(&self, parent: String, to: mpsc::Sender<ChildEvent>) {
        {
            let mut state = self.memory.lock();
            assert_eq!(parent, RUN);
            state.children_watcher = Some(to);
            let names: Vec<String> = state.children.keys().cloned().collect();
            names.iter().for_each(|name| state.report_child(name));
        }
        std::future::pending().await
    }
}
