use std::time::Duration;

use futures::FutureExt as _;
use http::{Request, Response, StatusCode};
use kube::client::Body;
use serde_json::json;
use telemetry::Registry;

use super::*;

/// Returns a reader of an API server in which each namespace has a workflow `intake` whose `output` is this value.
fn reader(output: &str) -> FullObjects {
    let output = output.to_owned();
    let answer = move |request: Request<Body>| {
        let (status, text) = match request.uri().path().rsplit_once('/') {
            Some((_, "intake")) => (StatusCode::OK, workflow(&output)),
            _ => (
                StatusCode::NOT_FOUND,
                json!({"kind": "Status", "code": 404, "reason": "NotFound"}).to_string(),
            ),
        };
        let response = Response::builder().status(status).body(Body::from(text.into_bytes())).unwrap();
        async move { Ok::<_, kube::Error>(response) }
    };
    FullObjects::new(Client::new(tower::service_fn(answer), "default"))
}

fn workflow(output: &str) -> String {
    format!(
        r#"{{"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow", "metadata": {{"name": "intake",
        "annotations": {{"a": {output}}}}}, "spec": {{"steps": [], "output": {output}}}, "status": {{"conditions": {output}}}}}"#
    )
}

fn list(element: &str, bytes: usize) -> String {
    format!("[{}]", vec![element; bytes / (element.len() + 1)].join(","))
}

/// An object whose spec takes too much memory is refused before it is decoded, with both numbers and what to change. Its text
/// alone does not matter, nor do parts that are not read.
#[tokio::test]
async fn an_object_that_takes_too_much_memory_is_refused() {
    let error = reader(&list(r#"{"":0}"#, 1_400_000)).workflow("acme", "intake").await.unwrap_err();
    let Error::TooMuchMemory { bytes, limit, .. } = &error else { panic!("{error}") };
    assert!(*bytes > 100_000_000 && *limit == 4 << 20, "{error}");
    assert_eq!(error.class(), crate::errors::Class::SetAside);
    let message = error.to_string();
    assert!(
        message.starts_with("spec of Workflow acme/intake takes 1") && message.contains("use fewer"),
        "{message}"
    );

    let text = list(
        "\"a text of a hundred bytes, as it may stand in a template of a workflow, that is repeated\"",
        1_400_000,
    );
    let accepted = reader(&text).workflow("acme", "intake").await.unwrap().unwrap();
    assert!(accepted.bytes() < 4 << 20 && accepted.spec.output.is_some());
    assert!(reader("0").workflow("acme", "missing").await.unwrap().is_none());
}

/// An input of 256 KiB is accepted whatever it consists of.
#[test]
fn the_largest_input_is_accepted() {
    for element in [r#"{"":0}"#, r#"{"a":""}"#, "[0]", "[]", "0", "\"a\"", r#"{"":{"":0}}"#] {
        let bytes = decoded_bytes(list(element, crds::constants::MAX_INPUT_BYTES).as_bytes());
        assert!(bytes < RUN_INPUT.max_bytes, "{element}: {bytes}");
    }
}

/// A computation that exceeds its deadline keeps its tenant from reading other objects, and no other tenant.
#[tokio::test]
async fn an_abandoned_computation_blocks_its_tenant_only() {
    let limits = compute::Limits { deadline: Duration::from_millis(1), ..compute::Limits::default() };
    let pool = compute::Pool::new(limits, &Registry::default());
    // Four fifths of the limit: the memory of five of them is more than that of all objects.
    let objects = reader(&list("0", 100_000));
    let mut releases = Vec::new();
    for tenant in 0..20 {
        let namespace = format!("tenant-{tenant}");
        let full = objects.workflow(&namespace, "intake").await.unwrap().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let computed = full.compute(&pool, &namespace, move |_| released.recv().is_err()).await;
        assert!(matches!(computed, Err(compute::Error::TooSlow(_))), "{computed:?}");
        releases.push(release);
    }
    assert!(objects.workflow("tenant-0", "intake").now_or_never().is_none(), "its object is still in use");
    assert!(objects.workflow("other", "intake").await.unwrap().is_some());
}

/// The memory of an object is reserved until it is dropped, and the largest one fits beside a small one.
#[tokio::test]
async fn memory_is_reserved_until_the_object_is_dropped() {
    let objects = reader("0");
    let largest = objects.reserve(RUN_INPUT.max_bytes).await;
    let small = objects.reserve(1_000).await;
    assert!(objects.reserve(RUN_INPUT.max_bytes).now_or_never().is_none(), "a second one does not fit");
    drop(largest);
    assert!(objects.reserve(RUN_INPUT.max_bytes).now_or_never().is_some());
    drop(small);
    assert_eq!(objects.memory.available_permits(), usize::try_from(MAX_MEMORY_KIB).unwrap());
}
