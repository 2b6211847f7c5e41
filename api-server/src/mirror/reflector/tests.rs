//! Watches that break off, expire or stay silent, against a fake API server whose watch streams the test
//! controls.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response, Uri},
};
use futures::{StreamExt as _, channel::mpsc as events};
use kube::Client;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{IDLE_TIMEOUT, Reflector};
use crate::{
    db::{MIGRATOR, testing::mirror_pool},
    mirror::{
        ClusterRelation, cluster::accept, metrics::Metrics, queue::Queue, testing::store, writer::Writer,
    },
    project::{
        Kind,
        testing::{Fixture, run, tenant},
    },
};

const CLUSTER: Uuid = Uuid::from_u128(7);
const DEADLINE: Duration = Duration::from_secs(30);

/// Fake Kubernetes API server with runs and their watches.
#[derive(Clone)]
struct Api(Arc<Mutex<State>>);

struct State {
    version: i64,
    runs: Vec<Value>,
    /// Status codes for the next watch requests; later requests get a stream.
    refusals: VecDeque<u16>,
    /// Resource version that each watch was requested from, and the sender of its stream.
    watches: Vec<(String, events::UnboundedSender<Value>)>,
}

impl Api {
    fn new(runs: &[Fixture]) -> Self {
        let runs = runs.iter().map(|run| run.clone().build().raw).collect();
        let state = State { version: 10, runs, refusals: VecDeque::new(), watches: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Replaces the objects that a list returns from now on.
    fn set_runs(&self, version: i64, runs: &[Fixture]) {
        let mut state = self.state();
        state.version = version;
        state.runs = runs.iter().map(|run| run.clone().build().raw).collect();
    }

    /// Waits for the watch with this number, and returns the resource version that it was requested from.
    async fn watch_version(&self, number: usize) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some((version, _)) = self.state().watches.get(number) {
                return version.clone();
            }
            assert!(Instant::now() < until, "watch {number} was not requested");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends an event on the watch with this number.
    fn send(&self, number: usize, kind: &str, object: &Value) {
        self.state().watches[number].1.unbounded_send(json!({"type": kind, "object": object})).unwrap();
    }

    /// Ends the watch with this number.
    fn end(&self, number: usize) {
        let (closed, _) = events::unbounded();
        self.state().watches[number].1 = closed;
    }

    fn client(&self) -> Client {
        let own = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let response = own.respond(request.uri());
            async move { response }
        });
        Client::new(service, "default")
    }

    fn respond(&self, uri: &Uri) -> http::Result<Response<Body>> {
        if uri.path().starts_with("/api/v1/namespaces") {
            let found = json!({"metadata": {"name": "kube-system", "uid": CLUSTER}});
            return Response::builder().body(found.to_string().into());
        }
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let parameter = |name| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let mut state = self.state();
        if parameter("watch").is_none() {
            let list = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRunList",
                              "metadata": {"resourceVersion": state.version.to_string()}, "items": state.runs});
            return Response::builder().body(list.to_string().into());
        }
        if let Some(code) = state.refusals.pop_front() {
            return Response::builder().status(code).body(status(code).to_string().into());
        }
        let (sender, stream) = events::unbounded::<Value>();
        state.watches.push((parameter("resourceVersion").unwrap_or_default(), sender));
        let lines = stream.map(|event| Ok::<_, std::io::Error>(format!("{event}\n")));
        Response::builder().body(Body::from_stream(lines))
    }
}

fn status(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired",
           "message": "too old resource version", "code": code})
}

/// A reflector and a writer that mirror the fake API server into the test's database.
struct Mirror {
    owner: PgPool,
    stop: CancellationToken,
}

impl Mirror {
    async fn start(owner: PgPool, api: &Api, idle_timeout: Duration) -> Self {
        sqlx::query("insert into mirror_cluster (uid) values ($1) on conflict do nothing")
            .bind(CLUSTER)
            .execute(&owner)
            .await
            .unwrap();
        store(&owner, [tenant("acme").build()]).await;
        let (stop, queue, pool) = (CancellationToken::new(), Queue::default(), mirror_pool(&owner).await);
        let writer = Writer {
            pool: pool.clone(),
            cluster: CLUSTER,
            queue: queue.clone(),
            written: Default::default(),
            metrics: Metrics::default(),
            signals: Default::default(),
            stop: stop.clone(),
        };
        let (client, kind) = (api.client(), Kind::WorkflowRun);
        let reflector = Reflector {
            kind,
            client,
            cluster: CLUSTER,
            pool,
            queue,
            metrics: Metrics::default(),
            idle_timeout,
            stop: stop.clone(),
        };
        tokio::spawn(writer.run());
        tokio::spawn(async move {
            let version = reflector.list_until_stored().await.unwrap().unwrap();
            reflector.watch_from(version).await
        });
        Self { owner, stop }
    }

    /// Waits until the database has exactly these live runs, as pairs of name and status.
    async fn wait_for_runs(&self, expected: &[(&str, &str)]) {
        let until = Instant::now() + DEADLINE;
        loop {
            let runs: Vec<(String, String)> =
                sqlx::query_as("select name, status from workflow_runs where live order by name")
                    .fetch_all(&self.owner)
                    .await
                    .unwrap();
            let found: Vec<_> = runs.iter().map(|(name, status)| (name.as_str(), status.as_str())).collect();
            if found == expected {
                return;
            }
            assert!(Instant::now() < until, "{found:?} instead of {expected:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn run_at(name: &str, phase: &str, version: i64) -> Fixture {
    run("acme", "invoices", name).phase(phase).version(version)
}

fn raw(fixture: Fixture) -> Value {
    fixture.build().raw
}

/// Changes and deletions that a watch has missed because its resource version expired are found by the next
/// list.
#[sqlx::test(migrator = "MIGRATOR")]
async fn changes_that_an_expired_watch_missed_are_found_by_a_list(owner: PgPool) {
    let api = Api::new(&[run_at("deleted", "Queued", 5), run_at("known", "Queued", 6)]);
    let mirror = Mirror::start(owner, &api, IDLE_TIMEOUT).await;
    assert_eq!(api.watch_version(0).await, "10");
    mirror.wait_for_runs(&[("deleted", "QUEUED"), ("known", "QUEUED")]).await;

    // The resource version is compacted while the watch is open.
    api.set_runs(20, &[run_at("known", "Running", 12), run_at("new", "Queued", 13)]);
    api.send(0, "ERROR", &status(410));
    mirror.wait_for_runs(&[("known", "RUNNING"), ("new", "QUEUED")]).await;
    assert_eq!(api.watch_version(1).await, "20");

    // The resource version is compacted while no watch is open.
    api.set_runs(30, &[run_at("known", "Suspended", 25)]);
    api.state().refusals.push_back(410);
    api.end(1);
    mirror.wait_for_runs(&[("known", "SUSPENDED")]).await;
    assert_eq!(api.watch_version(2).await, "30");
    api.send(2, "MODIFIED", &raw(run_at("known", "Running", 31)));
    mirror.wait_for_runs(&[("known", "RUNNING")]).await;
}

/// After etcd was restored from a backup, nothing is stored until an administrator has accepted the cluster. Then the rows are those of
/// the restored objects, although they have older versions.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_restored_cluster_is_mirrored_once_it_is_accepted(owner: PgPool) {
    let api = Api::new(&[]);
    api.set_runs(90, &[run_at("changed", "Running", 80), run_at("new", "Queued", 85)]);
    let mirror = Mirror::start(owner.clone(), &api, IDLE_TIMEOUT).await;
    api.watch_version(0).await;
    let before = [("changed", "RUNNING"), ("new", "QUEUED")];
    mirror.wait_for_runs(&before).await;
    api.set_runs(40, &[run_at("changed", "Queued", 30), run_at("old", "Queued", 20)]);
    api.send(0, "ERROR", &status(410));
    let until = Instant::now() + DEADLINE;
    let halted = async || {
        let halted = "select halted from mirror_cluster where halted is not null";
        sqlx::query_scalar::<_, String>(halted).fetch_optional(&owner).await.unwrap()
    };
    while halted().await.as_deref() != Some("RESTORED") {
        assert!(Instant::now() < until, "the mirror did not halt");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    mirror.wait_for_runs(&before).await;
    drop(mirror);
    accept(&owner, ClusterRelation::Continued).await.unwrap();
    let mirror = Mirror::start(owner, &api, IDLE_TIMEOUT).await;
    mirror.wait_for_runs(&[("changed", "QUEUED"), ("old", "QUEUED")]).await;
}

/// After a lost connection the watch continues from the last version, without a new list and without lost
/// changes.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_watch_that_breaks_off_continues_from_its_last_version(owner: PgPool) {
    let api = Api::new(&[run_at("one", "Queued", 5)]);
    let mirror = Mirror::start(owner, &api, IDLE_TIMEOUT).await;
    api.watch_version(0).await;
    api.send(0, "MODIFIED", &raw(run_at("one", "Running", 14)));
    mirror.wait_for_runs(&[("one", "RUNNING")]).await;
    api.state().refusals.extend([500, 429]);
    api.end(0);
    assert_eq!(api.watch_version(1).await, "14");
    api.send(
        1,
        "BOOKMARK",
        &json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                                   "metadata": {"resourceVersion": "40"}}),
    );
    api.send(1, "DELETED", &raw(run_at("one", "Running", 41)));
    mirror.wait_for_runs(&[]).await;
    api.end(1);
    assert_eq!(api.watch_version(2).await, "41");
}

/// A watch whose connection was lost without having been closed is replaced after the idle timeout.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_silent_watch_is_replaced(owner: PgPool) {
    let api = Api::new(&[]);
    let mirror = Mirror::start(owner, &api, Duration::from_millis(200)).await;
    assert_eq!((api.watch_version(0).await, api.watch_version(1).await), ("10".to_owned(), "10".to_owned()));
    // The next watch request is refused, so that the run is found by a list, whichever watch is open now.
    api.set_runs(20, &[run_at("one", "Queued", 15)]);
    api.state().refusals.push_back(410);
    mirror.wait_for_runs(&[("one", "QUEUED")]).await;
}
