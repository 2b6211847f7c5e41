//! A fake of the Kubernetes API with one tenant, whose status is written by server-side apply.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// Conditions of the field manager whose writes arrive here.
const OWNED: [&str; 3] = ["Exported", "Purgeable", "DataDeleted"];

/// Fake Kubernetes API. Clones share their tenant.
#[derive(Clone, Default)]
pub(super) struct Kubernetes(Arc<Mutex<Value>>);

impl Kubernetes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Returns the tenant.
    pub(super) fn tenant(&self) -> Value {
        self.lock().clone()
    }

    /// Replaces the tenant, as other clients do. What the api-server has written remains.
    pub(super) fn set(&self, mut new: Value) {
        let mut tenant = self.lock();
        let old = version(&tenant);
        let kept = owned(&tenant);
        if let Some(conditions) = kept.as_array().filter(|kept| !kept.is_empty()) {
            let others = new["status"]["conditions"].as_array().cloned().unwrap_or_default();
            new["status"]["conditions"] = json!([others.as_slice(), conditions.as_slice()].concat());
        }
        if tenant["status"]["export"].is_object() {
            new["status"]["export"] = tenant["status"]["export"].clone();
        }
        let next = version(&new).max(old + 1);
        new["metadata"]["resourceVersion"] = json!(next.to_string());
        *tenant = new;
    }

    pub(super) fn client(&self) -> kube::Client {
        let own = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let own = own.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let (status, answer) = match parts.method {
                    Method::GET => (200, own.tenant()),
                    Method::PATCH => own.apply(&serde_json::from_slice(&body).unwrap()),
                    _ => (405, json!({})),
                };
                Response::builder().status(status).body(Body::from(answer.to_string()))
            }
        });
        kube::Client::new(service, "default")
    }

    fn apply(&self, patch: &Value) -> (u16, Value) {
        let mut tenant = self.lock();
        if patch["metadata"]["resourceVersion"] != tenant["metadata"]["resourceVersion"] {
            return (409, json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict"}));
        }
        let mut conditions = tenant["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.retain(|condition| !OWNED.contains(&condition["type"].as_str().unwrap()));
        conditions.extend(patch["status"]["conditions"].as_array().cloned().unwrap_or_default());
        tenant["status"]["conditions"] = json!(conditions);
        let status = tenant["status"].as_object_mut().unwrap();
        match patch["status"].get("export") {
            Some(export) => status.insert("export".to_owned(), export.clone()),
            None => status.remove("export"),
        };
        let next = version(&tenant) + 1;
        tenant["metadata"]["resourceVersion"] = json!(next.to_string());
        (200, tenant.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Value> {
        self.0.lock().unwrap()
    }
}

fn version(tenant: &Value) -> i64 {
    tenant["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn owned(tenant: &Value) -> Value {
    let conditions = tenant["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().filter(|condition| OWNED.contains(&condition["type"].as_str().unwrap())).collect()
}
