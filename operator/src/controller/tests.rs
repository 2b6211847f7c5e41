//! Controllers with a fake API server: what one object does to the others.

use std::{
    collections::HashMap,
    future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use clap::Parser as _;
use crds::{Workflow, WorkflowSpec, conditions};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Client,
    client::Body,
    runtime::{
        controller::Action,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};
use telemetry::Registry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Controller, reconciler::Reconciler};
use crate::{
    api::FullObjects,
    backoff::Failures,
    config::Config,
    context::Context,
    errors::Error,
    events::Events,
    metrics::Metrics,
    run_events::RunEvents,
    state::{
        DataDeletions, EnforcementState, FenceState, ImagePulls, LastRuns, ObjectCounts, ObservedChildren,
        QueuePace, Reservations, RevisionScans, Revisions, Slots, Validations, VerifiedVectors,
    },
    watch::{ReconcileRequests, Stores},
};

/// Deadline of a wait, which only a reconcile that is blocked by another one exceeds.
const DEADLINE: Duration = Duration::from_secs(60);

/// API server that stores objects by their path and applies their conditions by type.
#[derive(Clone, Default)]
struct FakeApi(Arc<Mutex<HashMap<String, Value>>>);

impl FakeApi {
    fn client(&self) -> Client {
        let api = self.clone();
        Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let api = api.clone();
                async move { api.answer(request).await }
            }),
            "default",
        )
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut objects = self.0.lock().unwrap();
        let path = parts.uri.path().trim_end_matches("/status").to_owned();
        let (status, answer) = match (parts.method, objects.get_mut(&path)) {
            (Method::GET, Some(object)) => (StatusCode::OK, object.clone()),
            (Method::PATCH, Some(object)) => {
                let patch: Value = serde_json::from_slice(&body).unwrap();
                apply_conditions(object, &patch);
                (StatusCode::OK, object.clone())
            }
            (Method::POST, _) => (StatusCode::CREATED, serde_json::from_slice(&body).unwrap()),
            _ => {
                let missing = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "not found", "reason": "NotFound", "code": 404});
                (StatusCode::NOT_FOUND, missing)
            }
        };
        let bytes = serde_json::to_vec(&answer).unwrap();
        Ok(Response::builder().status(status).body(Body::from(bytes)).unwrap())
    }

    /// Returns the condition `Stalled` of a workflow.
    fn stalled(&self, namespace: &str, name: &str) -> Option<Condition> {
        let object = self.0.lock().unwrap().get(&path(namespace, name))?.clone();
        let all = object["status"]["conditions"].as_array()?;
        let stalled = all.iter().find(|condition| condition["type"] == conditions::STALLED)?;
        serde_json::from_value(stalled.clone()).ok()
    }
}

/// Applies the conditions of a patch to an object. Those of other types are preserved.
fn apply_conditions(object: &mut Value, patch: &Value) {
    let all = |value: &Value| value["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let new = all(patch);
    let is_replaced = |old: &Value| new.iter().any(|condition| condition["type"] == old["type"]);
    let kept = all(object).into_iter().filter(|old| !is_replaced(old));
    object["status"]["conditions"] = kept.chain(new.iter().cloned()).collect();
}

fn path(namespace: &str, name: &str) -> String {
    format!("/apis/smbcopilot.dev/v1alpha1/namespaces/{namespace}/workflows/{name}")
}

/// Cluster of a test: the API server, and the store of the watched workflows.
struct Cluster {
    api: FakeApi,
    store: Store<Workflow>,
    writer: Writer<Workflow>,
}

impl Cluster {
    fn new() -> Self {
        let (store, mut writer) = reflector::store();
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
        Self { api: FakeApi::default(), store, writer }
    }

    /// Creates or changes a workflow.
    fn apply(&mut self, namespace: &str, name: &str, generation: i64) -> ObjectRef<Workflow> {
        let mut workflow = Workflow::new(name, WorkflowSpec::default());
        workflow.metadata.namespace = Some(namespace.to_owned());
        workflow.metadata.generation = Some(generation);
        workflow.metadata.resource_version = Some(generation.to_string());
        let object = serde_json::to_value(&workflow).unwrap();
        self.api.0.lock().unwrap().insert(path(namespace, name), object);
        self.writer.apply_watcher_event(&Event::Apply(workflow.clone()));
        ObjectRef::from_obj(&workflow)
    }

    fn context(&self) -> Arc<Context> {
        let (client, config) = (self.api.client(), Config::parse_from(["operator"]));
        let compute = compute::Pool::new(compute::Limits::default(), &Registry::default());
        let events = Events::new(client.clone(), "operator-1", Counter::default());
        Arc::new(Context {
            run_events: RunEvents::new(events.clone()),
            events,
            metrics: Metrics::new(&Registry::default()),
            slots: Slots::default(),
            queue_pace: QueuePace::default(),
            fence: FenceState::default(),
            enforcement: EnforcementState::default(),
            reservations: Reservations::default(),
            image_pulls: ImagePulls::default(),
            object_counts: ObjectCounts::default(),
            children: ObservedChildren::default(),
            revisions: Revisions::new(compute.clone(), config.python_image.clone()),
            compute,
            last_runs: LastRuns::default(),
            revision_scans: RevisionScans::default(),
            validations: Validations::default(),
            vectors: None,
            verified_vectors: VerifiedVectors::default(),
            data_deletions: DataDeletions::default(),
            vector_failures: Failures::default(),
            full: FullObjects::new(client.clone()),
            client,
            config,
            stores: Stores::new().0,
            requests: ReconcileRequests::new().0,
        })
    }

    /// Starts a controller and requests a reconcile of these objects.
    async fn start<F>(
        &self,
        objects: Vec<ObjectRef<Workflow>>,
        reconcile: impl Fn(Arc<Context>, Arc<Workflow>) -> F + Send + Sync + 'static,
    ) -> mpsc::Sender<ObjectRef<Workflow>>
    where
        F: Future<Output = Result<Action, Error>> + Send + 'static,
    {
        let (requests, queue) = mpsc::channel(objects.len());
        let controller =
            Controller { name: "workflow", set_aside_reason: "SetAside", store: self.store.clone(), queue };
        tokio::spawn(controller.run(self.context(), CancellationToken::new(), reconcile));
        for object in objects {
            requests.send(object).await.unwrap();
        }
        requests
    }
}

fn reconciler<R, F>(store: &Store<Workflow>, reconcile: R) -> Reconciler<Workflow, R>
where
    R: Fn(Arc<Context>, Arc<Workflow>) -> F,
    F: Future<Output = Result<Action, Error>>,
{
    Reconciler::new("workflow", "SetAside", store.clone(), CancellationToken::new(), reconcile)
}

/// Receives the name of the next reconciled object.
async fn next(names: &mut mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(DEADLINE, names.recv()).await.expect("an object is reconciled").unwrap()
}

/// The objects of one tenant, however many and however slow, do not delay those of another.
#[tokio::test]
async fn a_thousand_objects_of_one_tenant_do_not_delay_another() {
    let mut cluster = Cluster::new();
    let mut objects: Vec<_> =
        (0..1_000).map(|number| cluster.apply("acme", &format!("slow-{number}"), 1)).collect();
    objects.push(cluster.apply("globex", "intake", 1));
    let (sender, mut names) = mpsc::unbounded_channel();
    let _requests = cluster
        .start(objects, move |_, workflow| {
            let sender = sender.clone();
            async move {
                if workflow.metadata.namespace.as_deref() == Some("acme") {
                    return future::pending().await;
                }
                sender.send(workflow.metadata.name.clone().unwrap()).unwrap();
                Ok(Action::await_change())
            }
        })
        .await;
    assert_eq!(next(&mut names).await, "intake");
}

/// A panic of one reconcile neither ends the controller nor stops the reconciles of other objects.
#[tokio::test]
async fn a_panic_concerns_its_object_only() {
    let mut cluster = Cluster::new();
    let panics = cluster.apply("acme", "panics", 1);
    let other = cluster.apply("globex", "intake", 1);
    let (sender, mut names) = mpsc::unbounded_channel();
    let requests = cluster
        .start(vec![panics], move |_, workflow| {
            let sender = sender.clone();
            async move {
                let name = workflow.metadata.name.clone().unwrap();
                sender.send(name.clone()).unwrap();
                assert_eq!(name, "intake", "a mistake of the operator");
                Ok(Action::await_change())
            }
        })
        .await;
    assert_eq!(next(&mut names).await, "panics");
    requests.send(other).await.unwrap();
    assert_eq!(next(&mut names).await, "intake");
}

/// An object whose reconcile panics is set aside with a condition until it changes. A new operator tries it once, and
/// the condition is withdrawn when that succeeds.
#[tokio::test]
async fn an_object_that_panics_is_set_aside_until_it_changes() {
    let mut cluster = Cluster::new();
    let object = cluster.apply("acme", "panics", 1);
    // A condition of another writer, in a layout that this operator does not know.
    let mirrored = json!({"type": "Mirrored", "state": "Yes"});
    cluster.api.0.lock().unwrap().get_mut(&path("acme", "panics")).unwrap()["status"] =
        json!({"conditions": [mirrored]});
    let ctx = cluster.context();
    let attempts = Arc::new(AtomicU32::new(0));
    let operator = |panics: bool| {
        let attempts = Arc::clone(&attempts);
        reconciler(&cluster.store, move |_: Arc<Context>, _: Arc<Workflow>| {
            let attempts = Arc::clone(&attempts);
            async move {
                attempts.fetch_add(1, Ordering::Relaxed);
                assert!(!panics, "a mistake of the operator");
                Ok(Action::await_change())
            }
        })
    };
    let first = operator(true);
    for _ in 0..3 {
        first.reconcile(&object, Arc::clone(&ctx)).await;
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
    let stalled = cluster.api.stalled("acme", "panics").unwrap();
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "SetAside"));
    assert!(stalled.message.contains("a mistake of the operator"), "{}", stalled.message);
    let labels = crate::metrics::ControllerLabels { controller: "workflow" };
    assert_eq!(ctx.metrics.set_aside.get_or_create(&labels).get(), 1);

    let (restarted, fixed) = (operator(true), operator(false));
    restarted.reconcile(&object, Arc::clone(&ctx)).await;
    restarted.reconcile(&object, Arc::clone(&ctx)).await;
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    let mut marked = cluster.api.0.lock().unwrap()[&path("acme", "panics")].clone();
    let others = marked["status"]["conditions"].as_array_mut().unwrap();
    assert_eq!(others.remove(0), mirrored, "the condition of another writer is preserved");
    cluster.writer.apply_watcher_event(&Event::Apply(serde_json::from_value(marked).unwrap()));
    fixed.reconcile(&object, Arc::clone(&ctx)).await;
    assert_eq!(cluster.api.stalled("acme", "panics").unwrap().status, "False");

    cluster.apply("acme", "panics", 2);
    first.reconcile(&object, Arc::clone(&ctx)).await;
    assert_eq!(attempts.load(Ordering::Relaxed), 4, "the first one tries the changed object");
    assert_eq!(ctx.metrics.set_aside.get_or_create(&labels).get(), 1);
    first.forget(&object, &ctx.metrics);
    assert_eq!(ctx.metrics.set_aside.get_or_create(&labels).get(), 0, "a deleted object is not counted");
}

/// A computation on a tenant's text that exceeds its deadline sets its object aside, and one that was not started does
/// not.
#[tokio::test]
async fn a_computation_that_is_too_slow_sets_its_object_aside() {
    let mut cluster = Cluster::new();
    let ctx = cluster.context();
    for (name, error) in [
        ("slow", compute::Error::TooSlow(Duration::from_secs(5))),
        ("busy", compute::Error::NoThreadInTime(Duration::from_secs(5))),
    ] {
        let object = cluster.apply("acme", name, 1);
        let error = Mutex::new(Some(error));
        let fail = move |_: Arc<Context>, _: Arc<Workflow>| {
            let source = error.lock().unwrap().take().unwrap();
            future::ready(Err(Error::compute("check a workflow")(source)))
        };
        reconciler(&cluster.store, fail).reconcile(&object, Arc::clone(&ctx)).await;
    }
    let message = cluster.api.stalled("acme", "slow").unwrap().message;
    assert!(message.contains("failed to complete a computation within 5 s"), "{message}");
    assert!(cluster.api.stalled("acme", "busy").is_none());
}

/// An object that waits for its turn takes little memory, however much its reconcile needs.
#[tokio::test]
async fn memory_of_a_reconcile_is_allocated_when_it_begins() {
    let mut cluster = Cluster::new();
    let object = cluster.apply("acme", "large", 1);
    let needs_much = async |_: Arc<Context>, _: Arc<Workflow>| {
        let needed = [0_u8; 100_000];
        tokio::task::yield_now().await;
        std::hint::black_box(needed);
        Ok(Action::await_change())
    };
    let reconciler = reconciler(&cluster.store, needs_much);
    let waiting = reconciler.reconcile(&object, cluster.context());
    assert!(size_of_val(&waiting) < 1_024, "{} bytes", size_of_val(&waiting));
}
