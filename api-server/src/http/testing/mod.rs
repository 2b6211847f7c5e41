//! The whole router, over a real Postgres and a real issuer; Kubernetes is down.

mod fixtures;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, Response, request::Builder},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sqlx::PgPool;
use telemetry::Registry;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(in crate::http) use fixtures::{ACME, ARCHIVED_WORKFLOW, FAILED_RUN, QUEUED_RUN, RUN, WORKFLOW};

use crate::{
    auth::testing::TestIssuer,
    db::testing::{app_pool, mirror_pool},
    state::AppState,
    store::CursorKey,
};

/// A server with the tenants acme, globex and hooli (which is suspended).
pub(in crate::http) struct Server {
    pub(in crate::http) issuer: TestIssuer,
    router: Router,
    state: AppState,
    pub(in crate::http) registry: Registry,
}

/// What a request is answered with; a body that is no JSON is null.
#[derive(Debug)]
pub(in crate::http) struct Answer {
    pub(in crate::http) status: u16,
    pub(in crate::http) headers: HeaderMap,
    pub(in crate::http) body: Value,
}

impl Server {
    pub(in crate::http) async fn start(pool: &PgPool) -> Self {
        let issuer = TestIssuer::start().await;
        let registry = Registry::default();
        let state = AppState {
            db: app_pool(pool).await,
            mirror: mirror_pool(pool).await,
            kube: kubernetes_that_is_down(),
            verifier: Arc::new(issuer.verifier()),
            cursors: CursorKey::new("a key of the tests").unwrap(),
            metrics: crate::http::Metrics::registered(&registry),
            stop: CancellationToken::new(),
        };
        fixtures::apply(&state.mirror).await;
        Self { issuer, router: crate::http::router(state.clone()).unwrap(), state, registry }
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

    pub(in crate::http) async fn put(&self, tenant: &str, role: &str, path: &str, body: &Value) -> Answer {
        let request = bearer(Request::put(path), &self.issuer.token(tenant, role));
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Sends a document as a user of acme.
    pub(in crate::http) async fn graphql(&self, role: &str, query: &str, variables: Value) -> Answer {
        let body = serde_json::json!({"query": query, "variables": variables});
        self.post("acme", role, "/graphql", &body).await
    }

    pub(in crate::http) async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The process is asked to leave.
    pub(in crate::http) fn stop(&self) {
        self.state.stop.cancel();
    }

    /// The run that waits in the queue succeeds.
    pub(in crate::http) async fn finish_queued_run(&self) {
        fixtures::finish_queued_run(&self.state.mirror).await;
    }
}

impl Answer {
    /// The body without what is different in every request.
    pub(in crate::http) fn without_request(&self) -> Value {
        let mut body = self.body.clone();
        for field in ["requestId", "instance"] {
            body.as_object_mut().unwrap().remove(field);
        }
        body
    }
}

fn bearer(request: Builder, token: &str) -> Builder {
    request.header("authorization", format!("Bearer {token}"))
}

fn kubernetes_that_is_down() -> kube::Client {
    let service = tower::service_fn(|_: Request<kube::client::Body>| async {
        Response::builder().status(503).body(Body::from("down"))
    });
    kube::Client::new(service, "default")
}
