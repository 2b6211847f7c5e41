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

/// Returns a pool in which each computation that does not end at once exceeds its deadline.
fn impatient_pool() -> compute::Pool {
    let deadline = Duration::from_millis(1);
    let limits = compute::Limits { deadline, overdue_bytes: MAX_OVERDUE_BYTES, ..compute::Limits::default() };
    compute::Pool::new(limits, &Registry::default())
}

/// Reads a tenant's workflow and starts a computation on it that does not end before the result is dropped.
async fn abandon(
    objects: &FullObjects,
    pool: &compute::Pool,
    namespace: &str,
) -> Result<std::sync::mpsc::Sender<()>, Error> {
    let full = objects.workflow(namespace, "intake").await?.unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let computed = full.compute(pool, namespace, move |_| released.recv().is_err()).await;
    assert!(matches!(computed, Err(compute::Error::TooSlow(_))), "{computed:?}");
    Ok(release)
}

/// A computation that exceeds its deadline keeps its tenant from reading other objects, and no other tenant.
#[tokio::test]
async fn an_abandoned_computation_blocks_its_tenant_only() {
    let pool = impatient_pool();
    // 6 MiB are reserved for each: more than for all large objects together.
    let objects = reader(&list("0", 100_000));
    let mut releases = Vec::new();
    for tenant in 0..20 {
        releases.push(abandon(&objects, &pool, &format!("tenant-{tenant}")).await.unwrap());
    }
    assert!(objects.workflow("tenant-0", "intake").now_or_never().is_none(), "its object is still in use");
    assert!(objects.workflow("other", "intake").await.unwrap().is_some());
}

/// However many tenants have computations that exceed their deadline, the memory of all of them is bounded: a further large
/// object is refused for now, with the reason, while smaller objects of other tenants are read.
#[tokio::test]
async fn the_memory_of_abandoned_computations_is_bounded() {
    let pool = impatient_pool();
    let objects = FullObjects { max_wait: Duration::ZERO, ..reader(&list("0", 100_000)) };
    let mut releases = Vec::new();
    let refused = loop {
        match abandon(&objects, &pool, &format!("tenant-{}", releases.len())).await {
            Ok(release) => releases.push(release),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::ObjectsInUse { .. }), "{refused}");
    assert_eq!(refused.class(), crate::errors::Class::Transient);
    let limit = usize::try_from(MAX_LARGE_KIB).unwrap() * 1024 + MAX_OVERDUE_BYTES;
    assert!(releases.len() * RESERVED_FACTOR * 3_200_000 <= limit, "{} objects", releases.len());

    let small = FullObjects { client: reader("0").client, ..objects };
    assert!(small.workflow("other", "intake").await.unwrap().is_some());
    let waits = small.workflow("tenant-0", "intake").await.unwrap_err();
    assert!(matches!(waits, Error::TenantComputes { .. }), "{waits}");
}

/// The memory of an object is reserved until it is dropped, and the largest one fits beside small ones.
#[tokio::test]
async fn memory_is_reserved_until_the_object_is_dropped() {
    let objects = reader("0");
    let largest = objects.reserve(RUN_INPUT.max_bytes).await.unwrap();
    let small = objects.reserve(1_000).await.unwrap();
    assert!(objects.reserve(RUN_INPUT.max_bytes).now_or_never().is_none(), "a second one does not fit");
    drop(largest);
    assert!(objects.reserve(RUN_INPUT.max_bytes).now_or_never().is_some());
    drop(small);
    let available = [&objects.large, &objects.small].map(|memory| memory.available_permits());
    assert_eq!(available, [MAX_LARGE_KIB, MAX_SMALL_KIB].map(|kib| usize::try_from(kib).unwrap()));
}
