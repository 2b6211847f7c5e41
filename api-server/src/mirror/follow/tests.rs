//! Watches that break off, are too old, or say nothing, with an API server whose watches the test holds in its hand.

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
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Follower, SILENCE};
use crate::{
    db::{MIGRATOR, testing::mirror_pool},
    mirror::{metrics::Metrics, testing::store, write::Writer},
    project::{
        Kind,
        testing::{Fixture, run, tenant},
    },
};

const CLUSTER: Uuid = Uuid::from_u128(7);
const DEADLINE: Duration = Duration::from_secs(30);

/// The runs of an API server, and its watches.
#[derive(Clone)]
struct Api(Arc<Mutex<State>>);

struct State {
    version: i64,
    runs: Vec<Value>,
    /// What the next watches are answered with; others are given a stream.
    refusals: VecDeque<u16>,
    /// From which version on each watch was asked for, and its stream.
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

    /// What a list gives from now on.
    fn becomes(&self, version: i64, runs: &[Fixture]) {
        let mut state = self.state();
        state.version = version;
        state.runs = runs.iter().map(|run| run.clone().build().raw).collect();
    }

    /// Waits for the watch of this number, and gives the version that it is from.
    async fn watched(&self, number: usize) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some((version, _)) = self.state().watches.get(number) {
                return version.clone();
            }
            assert!(Instant::now() < until, "watch {number} is not asked for");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn tell(&self, number: usize, kind: &str, object: &Value) {
        self.state().watches[number].1.unbounded_send(json!({"type": kind, "object": object})).unwrap();
    }

    /// The watch of this number ends.
    fn end(&self, number: usize) {
        let (closed, _) = events::unbounded();
        self.state().watches[number].1 = closed;
    }

    fn client(&self) -> Client {
        let own = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let answer = own.answer(request.uri());
            async move { answer }
        });
        Client::new(service, "default")
    }

    fn answer(&self, uri: &Uri) -> http::Result<Response<Body>> {
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

/// The runs of the database, and what follows the API server into it.
struct Mirror {
    owner: PgPool,
    stop: CancellationToken,
}

impl Mirror {
    async fn follow(owner: PgPool, api: &Api, silence: Duration) -> Self {
        sqlx::query("insert into mirror_cluster (uid) values ($1)")
            .bind(CLUSTER)
            .execute(&owner)
            .await
            .unwrap();
        store(&owner, [tenant("acme").build()]).await;
        let (stop, (sender, changes)) = (CancellationToken::new(), mpsc::channel(8));
        let writer = Writer {
            pool: mirror_pool(&owner).await,
            cluster: CLUSTER,
            changes,
            written: Default::default(),
            metrics: Metrics::default(),
            stop: stop.clone(),
        };
        let (client, kind) = (api.client(), Kind::WorkflowRun);
        let follower =
            Follower { kind, client, cluster: CLUSTER, changes: sender, silence, stop: stop.clone() };
        tokio::spawn(writer.run());
        tokio::spawn(async move {
            let version = follower.sync().await.unwrap().unwrap();
            follower.run(version).await
        });
        Self { owner, stop }
    }

    async fn until(&self, expected: &[(&str, &str)]) {
        let until = Instant::now() + DEADLINE;
        loop {
            let runs: Vec<(String, String)> =
                sqlx::query_as("select name, status from workflow_runs order by name")
                    .fetch_all(&self.owner)
                    .await
                    .unwrap();
            let seen: Vec<_> = runs.iter().map(|(name, status)| (name.as_str(), status.as_str())).collect();
            if seen == expected {
                return;
            }
            assert!(Instant::now() < until, "{seen:?} instead of {expected:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn at(name: &str, phase: &str, version: i64) -> Fixture {
    run("acme", "invoices", name).phase(phase).version(version)
}

fn raw(fixture: Fixture) -> Value {
    fixture.build().raw
}

/// What happened while a watch was too old to go on is never seen: a run that ended runs for ever, one that was deleted
/// stays.
#[sqlx::test(migrator = "MIGRATOR")]
async fn what_a_watch_has_missed_is_found_by_a_list(owner: PgPool) {
    let api = Api::new(&[at("deleted", "Queued", 5), at("kept", "Queued", 6)]);
    let mirror = Mirror::follow(owner, &api, SILENCE).await;
    assert_eq!(api.watched(0).await, "10");
    mirror.until(&[("deleted", "QUEUED"), ("kept", "QUEUED")]).await;

    // The version is compacted while the watch is open.
    api.becomes(20, &[at("kept", "Running", 12), at("new", "Queued", 13)]);
    api.tell(0, "ERROR", &status(410));
    mirror.until(&[("kept", "RUNNING"), ("new", "QUEUED")]).await;
    assert_eq!(api.watched(1).await, "20");

    // And while there is none.
    api.becomes(30, &[at("kept", "Suspended", 25)]);
    api.state().refusals.push_back(410);
    api.end(1);
    mirror.until(&[("kept", "SUSPENDED")]).await;
    assert_eq!(api.watched(2).await, "30");
    api.tell(2, "MODIFIED", &raw(at("kept", "Running", 31)));
    mirror.until(&[("kept", "RUNNING")]).await;
}

/// After a cut connection changes are lost, or all is listed anew each time.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_watch_that_breaks_off_goes_on_where_it_was(owner: PgPool) {
    let api = Api::new(&[at("one", "Queued", 5)]);
    let mirror = Mirror::follow(owner, &api, SILENCE).await;
    api.watched(0).await;
    api.tell(0, "MODIFIED", &raw(at("one", "Running", 14)));
    mirror.until(&[("one", "RUNNING")]).await;
    api.state().refusals.extend([500, 429]);
    api.end(0);
    assert_eq!(api.watched(1).await, "14");
    api.tell(
        1,
        "BOOKMARK",
        &json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                                   "metadata": {"resourceVersion": "40"}}),
    );
    api.tell(1, "DELETED", &raw(at("one", "Running", 41)));
    mirror.until(&[]).await;
    api.end(1);
    assert_eq!(api.watched(2).await, "41");
}

/// The other end of a connection goes without a word, and nothing is mirrored until somebody restarts the process.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_watch_that_says_nothing_is_begun_anew(owner: PgPool) {
    let api = Api::new(&[]);
    let mirror = Mirror::follow(owner, &api, Duration::from_millis(200)).await;
    assert_eq!((api.watched(0).await, api.watched(1).await), ("10".to_owned(), "10".to_owned()));
    // Whichever watch is the last hears of it.
    api.becomes(20, &[at("one", "Queued", 15)]);
    api.state().refusals.push_back(410);
    mirror.until(&[("one", "QUEUED")]).await;
}
