//! An API server in memory, as far as a runner can tell: versions, the fence, and events.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use crds::{WorkflowRun, WorkflowSpec};
use domain::egress::Egress;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    assignment::Assignment,
    store::{ReadError, Revision, Store, Tenant, WriteError},
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
    watcher: Option<(String, mpsc::Sender<Assignment>)>,
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
            watcher: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn run(&self) -> WorkflowRun {
        serde_json::from_value(self.lock().run.clone()).unwrap()
    }

    pub(super) fn writes(&self) -> usize {
        self.lock().writes.len()
    }

    pub(super) fn fail_next(&self, faults: &[Fault]) {
        self.lock().faults.extend(faults);
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
            assignment.into_iter().for_each(|assignment| to.try_send(assignment).unwrap());
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

fn holder(run: &Value) -> Option<String> {
    run["status"]["runner"]["podUid"].as_str().map(str::to_owned)
}

impl Store for PodStore {
    async fn run(&self, _: &str) -> Result<Option<WorkflowRun>, ReadError> {
        Ok(Some(self.memory.run()))
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
}
