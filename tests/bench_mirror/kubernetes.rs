//! A Kubernetes API with generated tenants and runs: it answers the mirror's lists and watches over HTTP, as fast as it can. What the
//! benchmark measures is the mirror and Postgres.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, patch},
};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

/// Size of a run's input and of the output of each of its steps, in characters.
const VALUE_CHARS: usize = 160;
/// Number of steps of a run.
const STEPS: usize = 4;
const TENANTS: &str = "tenants";
const RUNS: &str = "workflowruns";

/// The API; clones share its objects.
#[derive(Clone)]
pub(crate) struct Kubernetes(Arc<Mutex<Objects>>);

struct Objects {
    cluster: Uuid,
    tenants: usize,
    version: i64,
    /// Resource version of each run by its number. The run with number `n` belongs to tenant `n % tenants`.
    runs: Vec<i64>,
    lease: Value,
    watches: HashMap<String, Vec<futures::channel::mpsc::UnboundedSender<String>>>,
}

impl Kubernetes {
    /// Starts the API with this number of tenants and runs. Returns it with its address.
    pub(crate) async fn start(tenants: usize, runs: usize) -> anyhow::Result<(Self, SocketAddr)> {
        let first = i64::try_from(tenants)? + 1;
        let objects = Objects {
            cluster: telemetry::ids::uuid_v7(),
            tenants,
            version: first + i64::try_from(runs)?,
            runs: (first..).take(runs).collect(),
            lease: Value::Null,
            watches: HashMap::new(),
        };
        let own = Self(Arc::new(Mutex::new(objects)));
        let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
        let router = Router::new()
            .route("/api/v1/namespaces/kube-system", get(kube_system))
            .route(leases, get(silence).post(write_lease))
            .route(&format!("{leases}/{{name}}"), get(lease).patch(write_lease))
            .route("/apis/smbcopilot.dev/v1alpha1/{plural}", get(list_or_watch))
            .route("/apis/smbcopilot.dev/v1alpha1/{plural}/{name}/status", patch(not_found))
            .with_state(own.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((own, address))
    }

    /// Changes a run and sends the change to all watches. Returns its new resource version.
    pub(crate) fn change_run(&self, number: usize) -> i64 {
        let mut objects = self.objects();
        objects.version += 1;
        let version = objects.version;
        if let Some(stored) = objects.runs.get_mut(number) {
            *stored = version;
        }
        let event = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", objects.run(number, version));
        let watches = objects.watches.entry(RUNS.to_owned()).or_default();
        watches.retain(|watch| watch.unbounded_send(event.clone()).is_ok());
        version
    }

    /// Returns the number of events of runs that wait to be read.
    pub(crate) fn unread_events(&self) -> usize {
        let objects = self.objects();
        objects
            .watches
            .get(RUNS)
            .into_iter()
            .flatten()
            .map(futures::channel::mpsc::UnboundedSender::len)
            .sum()
    }

    /// Returns whether the mirror watches the runs.
    pub(crate) fn is_watched(&self) -> bool {
        self.objects().watches.get(RUNS).is_some_and(|watches| !watches.is_empty())
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the UID of a run.
pub(crate) fn run_uid(number: usize) -> Uuid {
    Uuid::from_u64_pair(2, u64::try_from(number).unwrap_or_default())
}

impl Objects {
    fn run(&self, number: usize, version: i64) -> String {
        let value = "x".repeat(VALUE_CHARS);
        let step = |index: usize| {
            format!(
                r#"{{"name":"step-{index}","phase":"Succeeded","attempt":1,"startedAt":"2026-11-24T08:00:01Z",
                    "finishedAt":"2026-11-24T08:00:02Z","output":{{"text":"{value}","version":{version}}}}}"#
            )
        };
        let steps: Vec<_> = (0..STEPS).map(step).collect();
        format!(
            r#"{{"apiVersion":"smbcopilot.dev/v1alpha1","kind":"WorkflowRun","metadata":{{"name":"run-{number}",
                "namespace":"t-bench-{}","uid":"{}","resourceVersion":"{version}","generation":1,
                "creationTimestamp":"2026-11-24T08:00:00Z"}},"spec":{{"workflowRef":{{"name":"invoices"}},
                "input":{{"text":"{value}"}},"trigger":{{"kind":"Api","by":"anna@acme.example"}}}},
                "status":{{"phase":"Running","startedAt":"2026-11-24T08:00:01Z","revision":{{"name":"invoices-1"}},
                "steps":[{}]}}}}"#,
            number % self.tenants,
            run_uid(number),
            steps.join(",")
        )
        .replace("\n", "")
    }

    fn tenant(&self, number: usize) -> String {
        json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant",
            "metadata": {
                "name": format!("bench-{number}"), "uid": Uuid::from_u64_pair(1, u64::try_from(number).unwrap_or_default()),
                "resourceVersion": (number + 1).to_string(), "generation": 1, "creationTimestamp": "2026-11-24T08:00:00Z",
            },
            "spec": {"displayName": "Bakery", "planRef": {"name": "starter"}},
            "status": {"namespace": format!("t-bench-{number}")},
        })
        .to_string()
    }

    fn page(&self, plural: &str, from: usize, limit: usize) -> (Vec<String>, Option<usize>) {
        let count = match plural {
            TENANTS => self.tenants,
            RUNS => self.runs.len(),
            _ => 0,
        };
        let to = (from + limit).min(count);
        let item = |number: usize| match plural {
            TENANTS => self.tenant(number),
            _ => self.run(number, self.runs.get(number).copied().unwrap_or_default()),
        };
        ((from..to).map(item).collect(), (to < count).then_some(to))
    }
}

async fn kube_system(State(kubernetes): State<Kubernetes>) -> Json<Value> {
    let cluster = kubernetes.objects().cluster;
    Json(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": cluster}}),
    )
}

/// Answers a watch of which no event is expected.
async fn silence() -> Response {
    Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()).into_response()
}

async fn not_found() -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound",
                        "message": "not found", "code": 404});
    (StatusCode::NOT_FOUND, Json(status)).into_response()
}

async fn lease(State(kubernetes): State<Kubernetes>) -> Response {
    let lease = kubernetes.objects().lease.clone();
    if lease.is_null() { not_found().await } else { Json(lease).into_response() }
}

/// Stores a lease or a patch of it. The types of patches are not JSON by name.
async fn write_lease(State(kubernetes): State<Kubernetes>, body: Bytes) -> Json<Value> {
    let written: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut objects = kubernetes.objects();
    objects.version += 1;
    let version = objects.version.to_string();
    let mut spec = objects.lease.get("spec").cloned().unwrap_or_else(|| json!({}));
    let written = written.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(spec) = spec.as_object_mut() {
        spec.extend(written);
        spec.retain(|_, value| !value.is_null());
    }
    objects.lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec,
                           "metadata": {"name": "mirror", "namespace": "default", "resourceVersion": version}});
    Json(objects.lease.clone())
}

async fn list_or_watch(
    State(kubernetes): State<Kubernetes>,
    Path(plural): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut objects = kubernetes.objects();
    if query.contains_key("watch") {
        let (sender, events) = futures::channel::mpsc::unbounded();
        objects.watches.entry(plural).or_default().push(sender);
        return Body::from_stream(events.map(Ok::<_, std::io::Error>)).into_response();
    }
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
    let (items, next) =
        objects.page(&plural, number("continue").unwrap_or(0), number("limit").unwrap_or(500));
    let next = next.map(|next| next.to_string()).unwrap_or_default();
    let metadata = json!({"resourceVersion": objects.version.to_string(), "continue": next});
    let list = format!(
        "{{\"apiVersion\":\"smbcopilot.dev/v1alpha1\",\"kind\":\"List\",\"metadata\":{metadata},\"items\":[{}]}}",
        items.join(",")
    );
    list.into_response()
}
