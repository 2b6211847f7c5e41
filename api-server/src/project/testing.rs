//! Builders of objects as the Kubernetes API server sends them, for tests.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, Object};

/// Builder of an object.
#[derive(Clone)]
pub(crate) struct Fixture {
    kind: Kind,
    raw: Value,
}

impl Fixture {
    fn new(kind: Kind, kind_name: &str, namespace: Option<&str>, name: &str, spec: &Value) -> Self {
        let mut raw = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1",
            "kind": kind_name,
            "metadata": {
                "name": name,
                "uid": uid(name),
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": "2026-11-24T08:00:00Z",
            },
            "spec": spec,
        });
        if let Some(namespace) = namespace {
            raw["metadata"]["namespace"] = json!(namespace);
        }
        Self { kind, raw }
    }

    pub(crate) fn version(self, version: i64) -> Self {
        self.set("/metadata", "resourceVersion", json!(version.to_string()))
    }

    pub(crate) fn generation(self, generation: i64) -> Self {
        self.set("/metadata", "generation", json!(generation))
    }

    pub(crate) fn uid(self, uid: Uuid) -> Self {
        self.set("/metadata", "uid", json!(uid))
    }

    pub(crate) fn created(self, at: &str) -> Self {
        self.set("/metadata", "creationTimestamp", json!(at))
    }

    pub(crate) fn annotation(self, key: &str, value: &str) -> Self {
        self.set("/metadata", "annotations", json!({key: value}))
    }

    pub(crate) fn labels(self, labels: Value) -> Self {
        self.set("/metadata", "labels", labels)
    }

    /// Marks the object as being deleted.
    pub(crate) fn deleting(self) -> Self {
        self.set("/metadata", "deletionTimestamp", json!("2026-11-24T09:00:00Z"))
    }

    pub(crate) fn spec(self, field: &str, value: Value) -> Self {
        self.set("/spec", field, value)
    }

    pub(crate) fn status(mut self, status: Value) -> Self {
        self.raw["status"] = status;
        self
    }

    /// Sets the phase of a run, and a finish time if the phase is final.
    pub(crate) fn phase(self, phase: &str) -> Self {
        let finished = !["Queued", "Running", "Suspended"].contains(&phase);
        let finished_at = finished.then_some("2026-11-24T08:00:09Z");
        self.status(json!({"phase": phase, "startedAt": "2026-11-24T08:00:01Z", "finishedAt": finished_at}))
    }

    pub(crate) fn build(self) -> Object {
        Object::new(self.kind, self.raw).unwrap()
    }

    fn set(mut self, parent: &str, field: &str, value: Value) -> Self {
        self.raw.pointer_mut(parent).unwrap()[field] = value;
        self
    }
}

/// Returns the UID of the fixture with this name.
pub(crate) fn uid(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

pub(crate) fn plan(name: &str) -> Fixture {
    Fixture::new(
        Kind::Plan,
        "Plan",
        None,
        name,
        &json!({"displayName": "Starter", "limits": {"workflows": 50}}),
    )
}

/// Returns a tenant with the namespace `t-<slug>`.
pub(crate) fn tenant(slug: &str) -> Fixture {
    let spec = json!({"displayName": "Bakery", "planRef": {"name": "starter"}});
    Fixture::new(Kind::Tenant, "Tenant", None, slug, &spec)
}

pub(crate) fn workflow(slug: &str, name: &str) -> Fixture {
    let spec =
        json!({"displayName": "Invoice intake", "steps": [{"name": "shape", "expr": {"value": "${{ 1 }}"}}]});
    Fixture::new(Kind::Workflow, "Workflow", Some(&format!("t-{slug}")), name, &spec)
}

/// Returns a queued run of a workflow.
pub(crate) fn run(slug: &str, workflow: &str, name: &str) -> Fixture {
    let spec = json!({
        "workflowRef": {"name": workflow},
        "input": {"url": "https://shop.example/orders"},
        "trigger": {"kind": "Api", "by": "anna@acme.example"},
    });
    Fixture::new(Kind::WorkflowRun, "WorkflowRun", Some(&format!("t-{slug}")), name, &spec).phase("Queued")
}
