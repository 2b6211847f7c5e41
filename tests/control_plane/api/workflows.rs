//! Creating and changing workflows by REST, beside Argo CD and kubectl.

use anyhow::Context as _;
use crds::{Workflow, constants::API_SERVER_MANAGER};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use reqwest::Method;
use serde_json::{Value, json};
use tests::api::ApiResponse;

use super::server::Server;

const MERGE_PATCH: &str = "application/merge-patch+json";

fn step(name: &str, value: i64) -> Value {
    json!({"name": name, "expr": {"value": value}})
}

fn orders() -> Value {
    json!({
        "name": "orders", "displayName": "Orders", "timeout": "5m", "runners": {"keepAlive": "1m"},
        "steps": [step("one", 1), step("two", 2)], "output": {"a": {"b": "one", "c": "two"}},
    })
}

async fn create(server: &Server, body: &Value) -> anyhow::Result<ApiResponse> {
    server.send(Method::POST, "/v1/workflows", &[], body).await
}

async fn patch(server: &Server, id: &str, if_match: &str, body: &Value) -> anyhow::Result<ApiResponse> {
    let headers = [("content-type", MERGE_PATCH), ("if-match", if_match)];
    server.send(Method::PATCH, &format!("/v1/workflows/{id}"), &headers, body).await
}

fn id(response: &ApiResponse) -> anyhow::Result<String> {
    let id = response.body.get("id").and_then(Value::as_str);
    Ok(id.with_context(|| response.body.to_string())?.to_owned())
}

fn etag(response: &ApiResponse) -> anyhow::Result<&str> {
    Ok(response.headers.get("etag").context("the response has no ETag")?.to_str()?)
}

fn code(response: &ApiResponse) -> (u16, &str) {
    (response.status, response.body.get("code").and_then(Value::as_str).unwrap_or_default())
}

/// Returns the names and operations of the managers of an object, without those of its status.
fn managers(workflow: &Workflow) -> Vec<(String, String)> {
    let entries = workflow.managed_fields().iter().filter(|entry| entry.subresource.is_none());
    let manager = |text: &Option<String>| text.clone().unwrap_or_default();
    entries.map(|entry| (manager(&entry.manager), manager(&entry.operation))).collect()
}

fn spec(workflow: &Workflow) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(&workflow.spec)?)
}

/// Applies a workflow as Argo CD or `kubectl apply --server-side` does.
async fn apply(
    workflows: &Api<Workflow>,
    manager: &str,
    name: &str,
    spec: &Value,
) -> anyhow::Result<Workflow> {
    let object = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec});
    Ok(workflows.patch(name, &PatchParams::apply(manager), &Patch::Apply(object)).await?)
}

/// A workflow that is created by REST is in Kubernetes as requested, and can be read by the next request.
#[tokio::test]
async fn a_workflow_is_created_in_kubernetes_and_read_back_at_once() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let created = create(&server, &orders()).await?;
    assert_eq!((created.status, created.body["name"].as_str()), (201, Some("orders")), "{}", created.body);
    let read = server.send(Method::GET, created.headers["location"].to_str()?, &[], &json!(null)).await?;
    assert_eq!(read.body, created.body);
    let object = server.tenant.workflows.get("orders").await?;
    let mut expected = orders();
    expected.as_object_mut().context("no object")?.remove("name");
    assert_eq!(spec(&object)?, expected);
    assert_eq!(managers(&object), [(API_SERVER_MANAGER.to_owned(), "Update".to_owned())]);
    Ok(())
}

/// Changes of a workflow that REST has created: fields are set, replaced and removed, in lists, too; nothing else changes, and the
/// idempotency mark of the creation stays.
#[tokio::test]
async fn fields_are_set_replaced_and_removed() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let key = [("idempotency-key", "orders-1")];
    let created = server.send(Method::POST, "/v1/workflows", &key, &orders()).await?;
    let id = id(&created)?;
    let change = json!({
        "displayName": "Orders 2", "timeout": null, "runners": {"warm": 1, "keepAlive": null}, "description": "All orders",
        "output": {"a": {"b": "three", "c": null}}, "steps": [{"name": "three", "needs": ["two"], "expr": {"value": 3}}, {"name": "two", "expr": {"value": 22}}],
    });
    let changed = patch(&server, &id, etag(&created)?, &change).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let expected = json!({
        "displayName": "Orders 2", "description": "All orders", "runners": {"warm": 1},
        "output": {"a": {"b": "three"}}, "steps": [{"name": "three", "needs": ["two"], "expr": {"value": 3}}, {"name": "two", "expr": {"value": 22}}],
    });
    let object = server.tenant.workflows.get("orders").await?;
    assert_eq!(spec(&object)?, expected);
    assert!(object.annotations().contains_key("smbcopilot.dev/created-by-request"));
    assert_eq!(managers(&object), [(API_SERVER_MANAGER.to_owned(), "Apply".to_owned())]);
    // Again, now that the creation is adopted.
    let change = json!({"runners": null, "description": null, "steps": [step("two", 2)], "output": {"a": null, "sum": "${{ steps.two.output }}"}});
    let changed = patch(&server, &id, etag(&changed)?, &change).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let object = server.tenant.workflows.get("orders").await?;
    let expected = json!({"displayName": "Orders 2", "steps": [step("two", 2)], "output": {"sum": "${{ steps.two.output }}"}});
    assert_eq!(spec(&object)?, expected);
    assert_eq!(object.metadata.generation, Some(3));
    // What is equal already is not written.
    let same = patch(&server, &id, etag(&changed)?, &json!({"displayName": "Orders 2"})).await?;
    assert_eq!((same.status, etag(&same)?), (200, etag(&changed)?));
    assert_eq!(server.tenant.workflows.get("orders").await?.resource_version(), object.resource_version());
    Ok(())
}

/// What Argo CD or kubectl manages is refused with manager and field. What they do not manage can be set beside them, and then
/// neither of them reports a difference or a conflict.
#[tokio::test]
async fn fields_of_argo_cd_and_kubectl_are_refused_with_their_manager() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let workflows = &server.tenant.workflows;
    let declared = json!({"description": "From Git", "steps": [step("one", 1), step("two", 2)]});
    for manager in ["argocd-controller", "kubectl"] {
        let applied = apply(workflows, manager, manager, &declared).await?;
        server.tenant.mirror(&applied).await?;
        let id = applied.uid().context("no UID")?;
        for (change, path, pointer) in [
            (json!({"description": "Mine"}), "spec.description", "/description"),
            (json!({"description": null}), "spec.description", "/description"),
            (json!({"steps": [step("one", 1)]}), "spec.steps[name=\"two\"]", "/steps/1"),
            (
                json!({"steps": [step("two", 3), step("one", 1)]}),
                "spec.steps[name=\"two\"].expr.value",
                "/steps/0/expr/value",
            ),
        ] {
            let refused = patch(&server, &id, "*", &change).await?;
            assert_eq!(code(&refused), (409, "managed_by_gitops"), "{change}: {}", refused.body);
            let detail = refused.body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(&format!("{manager} manages {path}")), "{detail}");
            assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.body);
        }
        let unchanged = workflows.get(manager).await?;
        assert_eq!(unchanged.resource_version(), applied.resource_version());

        let beside = json!({"timeout": "5m", "steps": [
            {"name": "one", "expr": {"value": 1}, "timeout": "1m"}, step("two", 2), step("three", 3),
        ]});
        let changed = patch(&server, &id, "*", &beside).await?;
        assert_eq!(changed.status, 200, "{}", changed.body);
        let object = workflows.get(manager).await?;
        let again = apply(workflows, manager, manager, &declared).await?;
        assert_eq!(again.resource_version(), object.resource_version(), "{again:?}");
        // And the tool can still change and remove what is its own.
        let next = json!({"steps": [step("one", 11)]});
        let next = apply(workflows, manager, manager, &next).await?;
        let expected = json!({"timeout": "5m", "steps": [
            {"name": "one", "expr": {"value": 11}, "timeout": "1m"}, step("three", 3),
        ]});
        assert_eq!(spec(&next)?, expected);
    }
    Ok(())
}

/// A workflow that `kubectl create` or `kubectl edit` wrote is theirs, too; and a field that REST has set is refused to neither.
#[tokio::test]
async fn a_workflow_of_kubectl_create_can_be_archived_by_rest() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let workflow = server.tenant.workflow.clone();
    let refused = patch(&server, &workflow, "*", &json!({"steps": [step("shape", 1)]})).await?;
    assert_eq!(code(&refused), (409, "managed_by_gitops"), "{}", refused.body);
    let path = format!("/v1/workflows/{workflow}/archive");
    for (method, state, status) in [
        (Method::PUT, Some(crds::workflow::WorkflowState::Archived), "ARCHIVED"),
        (Method::DELETE, None, "ACTIVE"),
    ] {
        for _ in 0..2 {
            let answer = server.send(method.clone(), &path, &[], &json!(null)).await?;
            assert_eq!(
                (answer.status, answer.body["status"].as_str()),
                (200, Some(status)),
                "{}",
                answer.body
            );
        }
        assert_eq!(server.tenant.workflows.get("invoices").await?.spec.state, state);
    }
    let edit = Patch::Merge(json!({"spec": {"timeout": "5m", "state": "Archived"}}));
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    let edited = server.tenant.workflows.patch("invoices", &params, &edit).await?;
    server.tenant.mirror(&edited).await?;
    let refused = server.send(Method::DELETE, &path, &[], &json!(null)).await?;
    assert_eq!(code(&refused), (409, "managed_by_gitops"));
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("kubectl-edit manages spec.state"), "{detail}");
    Ok(())
}

/// Of two changes that were made at the same time, based on the same state, one succeeds and one is refused; of two creations of
/// a name likewise.
#[tokio::test]
async fn of_two_concurrent_writes_one_succeeds() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (mut one, mut other) = (orders(), orders());
    (one["timeout"], other["timeout"]) = (json!("1m"), json!("2m"));
    let (first, second) = tokio::join!(create(&server, &one), create(&server, &other));
    let (first, second) = (first?, second?);
    let (created, refused) = if first.status == 201 { (first, second) } else { (second, first) };
    assert_eq!((created.status, code(&refused)), (201, (409, "already_exists")));
    let id = id(&created)?;
    let mut tag = etag(&created)?.to_owned();
    for round in 0..5 {
        let (one, other) =
            (json!({"timeout": format!("{}m", 10 + round)}), json!({"timeout": format!("{}m", 20 + round)}));
        let (first, second) =
            tokio::join!(patch(&server, &id, &tag, &one), patch(&server, &id, &tag, &other));
        let (first, second) = (first?, second?);
        let (changed, refused) = if first.status == 200 { (first, second) } else { (second, first) };
        assert_eq!((changed.status, code(&refused)), (200, (412, "precondition_failed")), "{}", refused.body);
        assert_eq!(changed.body["timeout"], json!(server.tenant.workflows.get("orders").await?.spec.timeout));
        tag = etag(&changed)?.to_owned();
    }
    Ok(())
}

/// Writes of the status, which the operator makes all the time, neither invalidate a tag nor disturb a change.
#[tokio::test]
async fn writes_of_the_status_do_not_disturb_a_change() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let created = create(&server, &orders()).await?;
    let (id, tag) = (id(&created)?, etag(&created)?.to_owned());
    let status = async || {
        // A change is attempted five times, and each of these writes disturbs one attempt at most.
        for running in 0..4 {
            let status = Patch::Merge(json!({"status": {"runs": {"running": running, "queued": 0}}}));
            server.tenant.workflows.patch_status("orders", &PatchParams::default(), &status).await?;
        }
        anyhow::Ok(())
    };
    let change = json!({"timeout": "6m"});
    let (written, changed) = tokio::join!(status(), patch(&server, &id, &tag, &change));
    written?;
    let changed = changed?;
    assert_eq!((changed.status, &changed.body["timeout"]), (200, &json!("6m")), "{}", changed.body);
    Ok(())
}

/// A retry after a crash between the creation and the response returns the workflow, also if somebody has changed it since.
#[tokio::test]
async fn a_retry_after_a_crash_returns_the_workflow() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let post = async |key: &str, body: &Value| {
        server.send(Method::POST, "/v1/workflows", &[("idempotency-key", key)], body).await
    };
    let first = post("orders-1", &orders()).await?;
    // This simulates a process that died between creating the workflow and storing the response.
    let crash = async || sqlx::query("delete from idempotency_keys").execute(server.owner()).await;
    crash().await?;
    let edit = Patch::Merge(json!({"spec": {"timeout": "7m"}}));
    server.tenant.workflows.patch("orders", &PatchParams::default(), &edit).await?;
    let again = post("orders-1", &orders()).await?;
    assert_eq!((again.status, id(&again)?), (201, id(&first)?));
    assert_eq!(again.body["timeout"], "7m");
    crash().await?;
    let other = json!({"name": "orders", "steps": [step("one", 1)]});
    assert_eq!(code(&post("orders-1", &other).await?), (422, "idempotency_key_reused"));
    crash().await?;
    assert_eq!(code(&post("orders-2", &orders()).await?), (409, "already_exists"));
    Ok(())
}

/// What only the API server refuses is returned with the field, whether the workflow is created or changed; nothing is written.
#[tokio::test]
async fn refusals_of_kubernetes_are_returned_with_the_field() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let created = create(&server, &orders()).await?;
    let id = id(&created)?;
    let long = "x".repeat(121);
    for (change, pointer) in [
        (json!({"displayName": long}), "/displayName"),
        (json!({"runners": {"warm": 101}}), "/runners/warm"),
        (
            json!({"steps": [step("one", 1), {"name": "two", "needs": ["one", "one"], "expr": {"value": 1}}]}),
            "",
        ),
    ] {
        let mut new = orders();
        new["name"] = json!("other");
        new.as_object_mut().context("no object")?.extend(change.as_object().context("no object")?.clone());
        for answer in [create(&server, &new).await?, patch(&server, &id, "*", &change).await?] {
            assert_eq!(answer.status, 422, "{change}: {}", answer.body);
            let found = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default();
            assert!(found.starts_with(pointer), "{change}: {}", answer.body);
        }
    }
    let new = json!({"name": "other", "displayName": long, "steps": [step("one", 1)]});
    let dry_run = server.send(Method::POST, "/v1/workflows?dryRun=true", &[], &new).await?;
    assert_eq!(code(&dry_run), (422, "invalid"));
    assert_eq!(server.tenant.workflows.get_opt("other").await?, None);
    assert_eq!(server.tenant.workflows.get("orders").await?.metadata.generation, Some(1));
    Ok(())
}

/// A dry run shows what would be created, and creates nothing.
#[tokio::test]
async fn a_dry_run_creates_nothing() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let checked = server.send(Method::POST, "/v1/workflows?dryRun=true", &[], &orders()).await?;
    assert_eq!((checked.status, checked.body["timeout"].as_str()), (200, Some("5m")), "{}", checked.body);
    assert_eq!(server.tenant.workflows.get_opt("orders").await?, None);
    assert_eq!(create(&server, &orders()).await?.status, 201);
    Ok(())
}

/// A workflow that was deleted with kubectl, and created again, is another one: a change of the old one does not reach it.
#[tokio::test]
async fn a_change_never_reaches_another_workflow_of_the_name() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let created = create(&server, &orders()).await?;
    server.tenant.workflows.delete("orders", &Default::default()).await?;
    let object =
        serde_json::from_value(json!({"metadata": {"name": "orders"}, "spec": {"steps": [step("one", 1)]}}))?;
    server.tenant.workflows.create(&PostParams::default(), &object).await?;
    let answer = patch(&server, &id(&created)?, "*", &json!({"timeout": "6m"})).await?;
    assert_eq!(code(&answer), (404, "not_found"));
    assert_eq!(server.tenant.workflows.get("orders").await?.spec.timeout, None);
    Ok(())
}

/// If the tenant was archived a moment ago, which the database does not know yet, the API server refuses the write.
#[tokio::test]
async fn a_tenant_that_has_just_been_archived_is_read_only() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.tenant.set_state_label("Archived").await?;
    let body = json!({"name": "late", "steps": [step("one", 1)]});
    assert_eq!(code(&create(&server, &body).await?), (423, "tenant_suspended"));
    Ok(())
}
