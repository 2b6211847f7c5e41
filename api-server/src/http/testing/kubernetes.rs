//! The API server, as far as runners are concerned: it knows two tokens, and which run each pod holds.

use axum::{
    body::Body,
    http::{Request, Response},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::fixtures::{QUEUED_RUN, RUN};

/// The token of a pod of acme that holds `report-1`.
pub(in crate::http) const HOLDER: &str = "token-of-holder";
/// The token of a pod of acme that holds no run.
pub(in crate::http) const IDLE: &str = "token-of-idle";
/// The token of a pod of globex that says to hold a run of acme.
pub(in crate::http) const STRANGER: &str = "token-of-stranger";

/// A client whose API server reviews tokens and lists the runs that pods hold; anything else is down.
pub(super) fn client() -> kube::Client {
    let service = tower::service_fn(|request: Request<kube::client::Body>| async {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = if path.starts_with("/apis/authentication.k8s.io/v1/tokenreviews") {
            Some(review(&serde_json::from_slice(&body).unwrap()))
        } else if path.contains("/workflowruns?") && path.contains("podUid") {
            Some(held(&path))
        } else {
            None
        };
        match answer {
            Some(answer) => Response::builder().status(200).body(Body::from(answer.to_string())),
            None => Response::builder().status(503).body(Body::from("down")),
        }
    });
    kube::Client::new(service, "default")
}

fn review(review: &Value) -> Value {
    let (namespace, pod) = match review["spec"]["token"].as_str().unwrap() {
        HOLDER => ("t-acme", "holder"),
        IDLE => ("t-acme", "idle"),
        STRANGER => ("t-globex", "stranger"),
        _ => return json!({"metadata": {}, "spec": review["spec"], "status": {"authenticated": false}}),
    };
    json!({"metadata": {}, "spec": review["spec"], "status": {
        "authenticated": true,
        "audiences": review["spec"]["audiences"],
        "user": {"username": format!("system:serviceaccount:{namespace}:smb-runner"), "extra": {
            "authentication.kubernetes.io/pod-name": [pod],
            "authentication.kubernetes.io/pod-uid": [format!("uid-of-{pod}")],
        }},
    }})
}

fn held(path: &str) -> Value {
    let run = if path.contains("uid-of-holder") {
        QUEUED_RUN
    } else if path.contains("uid-of-stranger") {
        RUN
    } else {
        return json!({"metadata": {}, "items": []});
    };
    json!({"metadata": {}, "items": [{
        "apiVersion": "smbcopilot.dev/v1alpha1",
        "kind": "WorkflowRun",
        "metadata": {"name": "held", "uid": run},
        "spec": {"workflowRef": {"name": "report"}},
    }]})
}
