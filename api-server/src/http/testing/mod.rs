//! A server for tests: both routers with a real Postgres, a real token issuer and a fake Kubernetes API.

mod collector;
mod fixtures;
mod kubernetes;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Response, request::Builder},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sqlx::PgPool;
use telemetry::Registry;
use tokio::sync::oneshot;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

pub(in crate::http) use collector::Collector;
pub(in crate::http) use fixtures::{
    ACME, ANNA, API_KEY, ARCHIVED_WORKFLOW, BOB, CARA, CHUNK, DOCUMENT, DOCUMENT_TEXT, FAILED_RUN,
    INVITATION, POLICY, QUEUED_RUN, ROLE, RUN, SERVICE_ACCOUNT, WORKFLOW,
};

use kubernetes::Kubernetes;
pub(in crate::http) use kubernetes::{ASSIGNEE, FOREIGN, IDLE};

use crate::{
    app::{App, documents::content_name, searches::Searcher},
    auth::{
        LoginClient, Operations, Runners, TenantScope, Verifier,
        testing::{Mutant, TestIssuer},
    },
    db::{
        AppPool, MirrorPool,
        testing::{RoundTrips, app_pool, counted_pools, mirror_pool},
    },
    graphql::TrustedDocuments,
    http::{HttpState, Metrics},
    ingestion::{Parser, ParserLimits, Worker},
    limits::Limits,
    mail::Mailer,
    objects::{Credentials, Location, Objects},
    store::{CursorKey, TenantTx, tenants},
    vectors::{Attributes, Point, Vectors, testing::without_model},
};

/// Limits of computations on tenants' text: any number of threads is right, and one computation of a tenant may wait, for as
/// long as a test does.
const COMPUTE_LIMITS: compute::Limits = compute::Limits {
    threads: 2,
    deadline: Duration::from_secs(60),
    max_wait: Duration::from_secs(60),
    max_waiting: 1,
    overdue_bytes: 0,
};

/// Server with the tenants acme, globex and hooli, which is suspended.
pub(in crate::http) struct Server {
    pub(in crate::http) issuer: TestIssuer,
    router: Router,
    internal: Router,
    state: HttpState,
    pub(in crate::http) kubernetes: Kubernetes,
    _directory: Directory,
    pub(in crate::http) registry: Registry,
}

/// Response; a body that is not JSON is null.
#[derive(Debug)]
pub(in crate::http) struct Answer {
    pub(in crate::http) status: u16,
    pub(in crate::http) headers: HeaderMap,
    pub(in crate::http) body: Value,
    pub(in crate::http) bytes: Vec<u8>,
}

/// Temporary directory, deleted at the end of the test.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("smb-objects-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn objects(&self) -> Objects {
        Objects::open(Location::Directory(self.0.clone()), Credentials::default()).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Server {
    pub(in crate::http) async fn start(pool: &PgPool) -> Self {
        Self::start_with(app_pool(pool).await, mirror_pool(pool).await).await
    }

    /// Starts a server whose round trips to the database are counted.
    pub(in crate::http) async fn start_counted(pool: &PgPool) -> (Self, RoundTrips) {
        let (db, mirror, trips) = counted_pools(pool).await;
        (Self::start_with(db, mirror).await, trips)
    }

    async fn start_with(db: AppPool, mirror: MirrorPool) -> Self {
        let issuer = TestIssuer::start().await;
        let registry = Registry::default();
        let kubernetes = Kubernetes::new();
        let kube = kubernetes.client();
        let directory = Directory::new();
        let state = HttpState {
            runners: Arc::new(Runners::new(kube.clone(), db.clone())),
            verifier: Arc::new(issuer.verifier()),
            login: None,
            metrics: Metrics::registered(&registry),
            trusted_documents: None,
            app: App {
                objects: Some(directory.objects()),
                searcher: None,
                mailer: None,
                db,
                mirror,
                kube,
                cursors: CursorKey::new("a key of the tests").unwrap(),
                compute: compute::Pool::new(COMPUTE_LIMITS, &registry),
                limits: Arc::new(Limits::default()),
                shutdown: CancellationToken::new(),
                writes: TaskTracker::new(),
            },
        };
        fixtures::apply(&state.app.mirror).await;
        let router = crate::http::router(state.clone()).unwrap();
        let internal = crate::http::internal_router(state.clone());
        Self { issuer, router, internal, state, registry, kubernetes, _directory: directory }
    }

    /// Returns another replica with the same database and Kubernetes API.
    pub(in crate::http) async fn replica(&self, pool: &PgPool) -> Self {
        let (db, kube, registry) = (app_pool(pool).await, self.kubernetes.client(), Registry::default());
        let issuer = self.issuer.clone();
        let state = HttpState {
            runners: Arc::new(Runners::new(kube.clone(), db.clone())),
            verifier: Arc::new(issuer.verifier()),
            login: None,
            metrics: Metrics::registered(&registry),
            trusted_documents: None,
            app: App {
                db,
                mirror: mirror_pool(pool).await,
                kube,
                limits: Arc::new(Limits::default()),
                ..self.state.app.clone()
            },
        };
        Self {
            issuer,
            router: crate::http::router(state.clone()).unwrap(),
            internal: crate::http::internal_router(state.clone()),
            state,
            registry,
            kubernetes: self.kubernetes.clone(),
            _directory: Directory::new(),
        }
    }

    /// Stores the first content of a document in the object storage.
    pub(in crate::http) async fn store_content(&self, tenant: &str, document: &str, content: &'static [u8]) {
        let (tenant, document) = (tenant.parse().unwrap(), document.parse().unwrap());
        let objects = self.state.app.objects.as_ref().unwrap();
        let name = content_name(tenant, document, 1);
        objects.put(&name, Bytes::from_static(content), "text/plain").await.unwrap();
    }

    /// Returns the threads for computations on tenants' text.
    pub(in crate::http) fn compute(&self) -> &compute::Pool {
        &self.state.app.compute
    }

    /// Starts a computation on text of a tenant, which runs until the sender is dropped.
    pub(in crate::http) async fn occupy_compute(&self, tenant: &'static str) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        let compute = self.state.app.compute.clone();
        tokio::spawn(async move {
            let computation = move || {
                let _ = begin.send(());
                let _ = released.recv();
            };
            compute.run(tenant, computation).await
        });
        begun.await.unwrap();
        release
    }

    pub(in crate::http) async fn get(&self, tenant: &str, role: &str, path: &str) -> Answer {
        self.with_token(&self.issuer.token(tenant, role), path).await
    }

    pub(in crate::http) async fn get_with(
        &self,
        tenant: &str,
        role: &str,
        path: &str,
        header: &str,
        value: &str,
    ) -> Answer {
        let request = bearer(Request::get(path), &self.issuer.token(tenant, role));
        self.send(request.header(header, value).body(Body::empty()).unwrap()).await
    }

    pub(in crate::http) async fn with_token(&self, token: &str, path: &str) -> Answer {
        self.send(bearer(Request::get(path), token).body(Body::empty()).unwrap()).await
    }

    pub(in crate::http) async fn anonymous(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(in crate::http) async fn post(&self, tenant: &str, role: &str, path: &str, body: &Value) -> Answer {
        let token = self.issuer.token(tenant, role);
        self.post_raw(&token, path, "application/json", &body.to_string()).await
    }

    pub(in crate::http) async fn post_raw(&self, token: &str, path: &str, media: &str, body: &str) -> Answer {
        let request = bearer(Request::post(path), token).header("content-type", media);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(in crate::http) async fn post_with_key(
        &self,
        tenant: &str,
        role: &str,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Answer {
        let request = bearer(Request::post(path), &self.issuer.token(tenant, role));
        let request = request.header("content-type", "application/json").header("idempotency-key", key);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Starts a run with one header of the client.
    pub(in crate::http) async fn start_run_with(&self, header: &str, value: &str) -> Answer {
        let path = format!("/v1/workflows/{WORKFLOW}/runs");
        let request = bearer(Request::post(path), &self.issuer.token("acme", "operator"));
        let request = request.header("content-type", "application/json").header(header, value);
        self.send(request.body(Body::from(r#"{"input": {"url": "https://shop.example/1"}}"#)).unwrap()).await
    }

    pub(in crate::http) async fn put(&self, tenant: &str, role: &str, path: &str, body: &Value) -> Answer {
        let request = bearer(Request::put(path), &self.issuer.token(tenant, role));
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(in crate::http) async fn put_text(&self, tenant: &str, role: &str, path: &str, text: &str) -> Answer {
        let request = bearer(Request::put(path), &self.issuer.token(tenant, role));
        let request = request.header("content-type", "text/plain");
        self.send(request.body(Body::from(text.to_owned())).unwrap()).await
    }

    /// Sends a request as a platform administrator.
    pub(in crate::http) async fn platform(
        &self,
        role: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let mut request = bearer(request, &self.issuer.platform_token(role));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Sends a request without a body.
    pub(in crate::http) async fn request(
        &self,
        tenant: &str,
        role: &str,
        method: &str,
        path: &str,
    ) -> Answer {
        let request = bearer(Request::builder().method(method).uri(path), &self.issuer.token(tenant, role));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(in crate::http) async fn patch(
        &self,
        tenant: &str,
        role: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = bearer(Request::patch(path), &self.issuer.token(tenant, role));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Sends a document as a user of acme.
    pub(in crate::http) async fn graphql(&self, role: &str, query: &str, variables: Value) -> Answer {
        let body = serde_json::json!({"query": query, "variables": variables});
        self.post("acme", role, "/graphql", &body).await
    }

    pub(in crate::http) async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }

    /// Returns a response whose body may still be streamed.
    pub(in crate::http) async fn open(&self, tenant: &str, role: &str, request: Builder) -> Response<Body> {
        let request = bearer(request, &self.issuer.token(tenant, role)).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request of a runner to the internal port.
    pub(in crate::http) async fn internal(&self, token: &str, request: Builder, body: Vec<u8>) -> Answer {
        let request = bearer(request, token).body(Body::from(body)).unwrap();
        answer(self.internal.clone().oneshot(request).await.unwrap()).await
    }

    /// Returns the server with as many computations as outside of tests.
    pub(in crate::http) fn with_usual_compute(mut self) -> Self {
        self.state.app.compute = compute::Pool::new(compute::Limits::default(), &self.registry);
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Returns the server with another time limit for the bodies of requests.
    pub(in crate::http) fn with_body_time(mut self, body_time: Duration) -> Self {
        self.state.app.limits = Arc::new(Limits { body_time, ..Limits::default() });
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Returns the router of the public port.
    pub(in crate::http) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Returns the server without object storage.
    pub(in crate::http) fn without_objects(mut self) -> Self {
        self.state.app.objects = None;
        self.router = crate::http::router(self.state.clone()).unwrap();
        self.internal = crate::http::internal_router(self.state.clone());
        self
    }

    /// Returns the server with a vector database.
    pub(in crate::http) fn with_vectors(mut self, vectors: Vectors) -> Self {
        self.state.app.searcher = Some(Searcher::new(vectors, &self.registry));
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Returns a worker that processes the documents of the server.
    pub(in crate::http) fn worker(&self) -> Worker {
        let App { db, mirror, objects, searcher: _, .. } = self.state.app.clone();
        let deps = std::env::current_exe().unwrap();
        let program = deps.parent().and_then(|deps| deps.parent()).unwrap().join("document-parser");
        assert!(program.is_file(), "{} does not exist: cargo build -p document-parser", program.display());
        let parser = Parser::new(program, ParserLimits::default());
        Worker::new(db, mirror, objects.unwrap(), parser, &Registry::default())
    }

    /// Returns the server that sends invitations by mail.
    pub(in crate::http) fn with_mailer(mut self, mailer: Mailer) -> Self {
        self.state.app.mailer = Some(Arc::new(mailer));
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Returns the server that executes only these GraphQL documents.
    pub(in crate::http) fn with_trusted_documents(mut self, documents: TrustedDocuments) -> Self {
        self.state.trusted_documents = Some(Arc::new(documents));
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Starts the shutdown of the process.
    pub(in crate::http) fn stop(&self) {
        self.state.app.shutdown.cancel();
    }

    /// Replaces the status of a run and mirrors it.
    pub(in crate::http) async fn set_status(&self, uid: &str, status: Value) {
        self.kubernetes.set_status(uid, status);
        let run: crds::WorkflowRun = serde_json::from_value(self.kubernetes.run(uid)).unwrap();
        crate::mirror::apply_one(&self.state.app.mirror, &run).await.unwrap();
    }

    /// Adds runs of the workflow `invoice` in all states, two of them created at the same time each.
    pub(in crate::http) async fn add_runs(&self, number: usize) {
        fixtures::add_runs(&self.state.app.mirror, number).await;
    }

    /// Adds the users Anna, Bob and Cara of acme.
    pub(in crate::http) async fn add_users(&self, owner: &PgPool) {
        fixtures::add_users(owner, &self.issuer.url).await;
    }

    /// Adds the service account `importer` of acme, an API key and an invitation.
    pub(in crate::http) async fn add_keys(&self, owner: &PgPool) {
        fixtures::add_keys(owner).await;
    }

    /// Adds a document of acme without content, one with a chunk, and one whose content cannot be used.
    pub(in crate::http) async fn add_documents(&self, owner: &PgPool) {
        fixtures::add_documents(owner).await;
        self.store_content(ACME, DOCUMENT, DOCUMENT_TEXT.as_bytes()).await;
    }

    /// Adds a workflow and runs of globex.
    pub(in crate::http) async fn add_objects_of_globex(&self) {
        fixtures::add_objects_of_globex(&self.state.app.mirror).await;
    }

    /// Adds a collection of all tenants, and the point of the chunk of acme. Documents are added before.
    pub(in crate::http) async fn add_points(&self, owner: &PgPool) {
        fixtures::add_collection(owner).await;
        let mut tx =
            TenantTx::begin(&self.state.app.db, TenantScope::for_tests(ACME.parse().unwrap())).await.unwrap();
        let base = tenants::knowledge_base(&mut tx).await.unwrap().unwrap();
        let attributes = Attributes { tags: Vec::new(), mime_type: None, metadata: serde_json::json!({}) };
        let point = Point {
            chunk: CHUNK.parse().unwrap(),
            document: DOCUMENT.parse().unwrap(),
            version: 1,
            ordinal: 0,
            text: "Employees have 28 days of holiday.",
            dense: None,
            attributes: &attributes,
        };
        without_model().upsert(&base, &[point]).await.unwrap();
    }

    /// Adds a collection of all tenants.
    pub(in crate::http) async fn add_collection(&self, owner: &PgPool) {
        fixtures::add_collection(owner).await;
    }

    /// Returns the router with one tenant for the row-level security of all transactions, whatever tenant their statements name.
    pub(in crate::http) fn with_sessions_of(&self, tenant: &str) -> Router {
        let mut state = self.state.clone();
        state.app.db = state.app.db.with_sessions_of(tenant.parse().unwrap());
        crate::http::router(state).unwrap()
    }

    /// Changes what a role grants.
    pub(in crate::http) fn mutate(&self, mutant: Option<Mutant>) {
        self.state.verifier.mutate(mutant);
    }

    /// Returns the router with other rules of its operations.
    pub(in crate::http) fn with_operations(&self, operations: Operations) -> Router {
        crate::http::router_with(self.state.clone(), operations).unwrap()
    }

    /// Adds two roles and two policies of acme.
    pub(in crate::http) async fn add_roles(&self, owner: &PgPool) {
        fixtures::add_roles(owner).await;
    }

    /// Returns the server with another verifier of tokens.
    pub(in crate::http) fn with_verifier(mut self, verifier: Verifier) -> Self {
        self.state.verifier = Arc::new(verifier);
        self.router = crate::http::router(self.state.clone()).unwrap();
        self
    }

    /// Returns the server with logins at its issuer, or at several, and with another verifier of tokens.
    pub(in crate::http) fn with_login(mut self, client: LoginClient, verifier: Verifier) -> Self {
        self.state.login = Some(Arc::new(client));
        self.with_verifier(verifier)
    }

    /// Returns the limits of the replica.
    pub(in crate::http) fn limits(&self) -> &Limits {
        &self.state.app.limits
    }

    /// Makes all tokens be verified again, as after a minute.
    pub(in crate::http) fn expire_verifications(&self) {
        self.state.verifier.expire_verifications();
    }

    /// Makes all roles be read again, as after two seconds.
    pub(in crate::http) fn expire_grants(&self) {
        self.state.verifier.expire_grants();
    }

    /// Replaces the limits of the plan of all tenants.
    pub(in crate::http) async fn set_plan_limits(&self, limits: Value) {
        fixtures::set_plan_limits(&self.state.app.mirror, &limits).await;
    }

    /// Finishes the queued run successfully.
    pub(in crate::http) async fn finish_queued_run(&self) {
        fixtures::finish_queued_run(&self.state.app.mirror).await;
    }
}

impl Answer {
    /// Returns the body without the fields that differ in every request.
    pub(in crate::http) fn without_request(&self) -> Value {
        let mut body = self.body.clone();
        for field in ["requestId", "instance"] {
            body.as_object_mut().unwrap().remove(field);
        }
        body
    }
}

/// Sends a request to a router.
pub(in crate::http) async fn send(router: &Router, request: Request<Body>) -> Answer {
    answer(router.clone().oneshot(request).await.unwrap()).await
}

fn bearer(request: Builder, token: &str) -> Builder {
    request.header("authorization", format!("Bearer {token}"))
}

async fn answer(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body, bytes }
}
