//! `PATCH /v1/workflows/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{definition::UpdateWorkflow, resource::Workflow};
use crate::{
    app::{
        self, App,
        workflows::{Patch, Update},
    },
    http::{
        authorize::Member,
        etag::IfMatch,
        extract::{Id, MergePatch},
    },
    problem::Problem,
};

/// Change a workflow
///
/// Changes the definition of a workflow. Runs that have started continue with the definition that they started with. The
/// result is validated like a new workflow. Fields that another tool manages, such as Argo CD or kubectl, cannot be changed:
/// the errors name the fields and their managers.
///
/// Requires the permission `workflow.update`. Fails with 404 `not_found`, 409 `managed_by_gitops`, 412 `precondition_failed` if
/// the definition was changed since the client read it, 413 `too_large`, 415 `unsupported_media_type`, 422 `invalid`, 422
/// `workflow_invalid`, 423 `tenant_suspended`, 428 `precondition_required`, or 429 `busy`.
#[utoipa::path(
    patch, path = "/v1/workflows/{id}", tag = "workflows",
    params(
        ("id" = Uuid, Path, description = "ID of the workflow"),
        ("If-Match" = String, Header, description = "`ETag` of the workflow, or `*` for any state"),
    ),
    request_body(content = UpdateWorkflow, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed workflow", body = Workflow))
)]
pub(in crate::http) async fn update_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    condition: IfMatch,
    MergePatch(mut body): MergePatch<UpdateWorkflow>,
) -> Result<Response, Problem> {
    let update = Update { id, generation: condition.generation(), patch: Patch::new(body.fields()) };
    let (details, _reservation) = app::workflows::update(&app, tenant.scope, update).await?;
    Ok(Workflow::from(details).response(&HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server, WORKFLOW};

    const MERGE_PATCH: &str = "application/merge-patch+json";

    fn path() -> String {
        format!("/v1/workflows/{WORKFLOW}")
    }

    async fn patch(server: &Server, tenant: &str, if_match: &str, body: &Value) -> Answer {
        let headers = [("content-type", MERGE_PATCH), ("if-match", if_match)];
        server.patch(tenant, "builder", &path(), &headers, &body.to_string()).await
    }

    async fn etag(server: &Server) -> String {
        server.get("acme", "viewer", &path()).await.headers["etag"].to_str().unwrap().to_owned()
    }

    /// A change is returned, can be read at once, and invalidates the tag that the client has sent.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_change_can_be_read_at_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let before = etag(&server).await;
        let changed = patch(&server, "acme", &before, &json!({"timeout": "5m", "description": "New"})).await;
        assert_eq!((changed.status, &changed.body["timeout"]), (200, &json!("5m")), "{}", changed.body);
        assert_eq!(changed.body["description"], "New");
        let read = server.get("acme", "viewer", &path()).await;
        assert_eq!((&read.body, &read.headers["etag"]), (&changed.body, &changed.headers["etag"]));
        let stale = patch(&server, "acme", &before, &json!({"timeout": "6m"})).await;
        assert_eq!((stale.status, stale.body["code"].as_str()), (412, Some("precondition_failed")));
        let any = patch(&server, "acme", "*", &json!({"timeout": "6m"})).await;
        assert_eq!((any.status, &any.body["timeout"]), (200, &json!("6m")));
    }

    /// What the operator reports about a workflow, such as its validity, does not invalidate the tag of its definition.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_status_of_a_workflow_does_not_invalidate_the_tag(pool: PgPool) {
        let server = Server::start(&pool).await;
        let before = etag(&server).await;
        sqlx::query("update workflows set valid = true, updated_at = now()").execute(&pool).await.unwrap();
        assert_ne!(etag(&server).await, before);
        assert_eq!(patch(&server, "acme", &before, &json!({"timeout": "5m"})).await.status, 200);
    }

    /// A change without the tag of the workflow, with another media type, of another tenant's workflow, or that is not valid
    /// is refused with its own code, and writes nothing.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn refused_changes_have_their_own_codes(pool: PgPool) {
        let server = Server::start(&pool).await;
        let before = server.kubernetes.workflow("invoice");
        let send = async |headers: &[(&str, &str)], body: &str| {
            server.patch("acme", "builder", &path(), headers, body).await
        };
        let missing = send(&[("content-type", MERGE_PATCH)], "{}").await;
        assert_eq!((missing.status, missing.body["code"].as_str()), (428, Some("precondition_required")));
        let json = send(&[("content-type", "application/json"), ("if-match", "*")], "{}").await;
        assert_eq!((json.status, json.body["code"].as_str()), (415, Some("unsupported_media_type")));
        let foreign = patch(&server, "globex", "*", &json!({"timeout": "5m"})).await;
        assert_eq!((foreign.status, foreign.body["code"].as_str()), (404, Some("not_found")));
        for (body, code, pointer) in [
            (json!({"steps": []}), "workflow_invalid", "/steps"),
            (json!({"timeout": 5}), "workflow_invalid", "/timeout"),
            (json!({"state": "Archived"}), "invalid", ""),
            (json!({"name": "other"}), "invalid", ""),
            (json!({"steps": null}), "workflow_invalid", ""),
        ] {
            let answer = patch(&server, "acme", "*", &body).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (422, Some(code)),
                "{body}: {}",
                answer.body
            );
            let found = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default();
            assert_eq!(found, pointer, "{body}: {}", answer.body);
        }
        let empty = patch(&server, "acme", "*", &json!({})).await;
        assert_eq!(empty.status, 200);
        assert_eq!(server.kubernetes.workflow("invoice"), before);
    }

    /// A workflow that would run itself, directly or by others, is refused.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_workflow_that_would_run_itself_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let call = |name: &str| json!([{"name": "call", "workflow": {"name": name}}]);
        for (name, callee) in [("one", "invoice"), ("two", "one")] {
            let body = json!({"name": name, "steps": call(callee)});
            let created = server.post("acme", "builder", "/v1/workflows", &body).await;
            assert_eq!(created.status, 201, "{}", created.body);
        }
        for (callee, code) in
            [("two", "sub_workflow_cycle"), ("invoice", "sub_workflow_cycle"), ("other", "unknown_workflow")]
        {
            let answer = patch(&server, "acme", "*", &json!({"steps": call(callee)})).await;
            assert_eq!(
                (answer.status, &answer.body["errors"][0]["code"]),
                (422, &json!(code)),
                "{}",
                answer.body
            );
        }
    }

    /// A field that Argo CD manages is refused with field and manager, and one that it does not manage can be changed beside it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_field_of_argo_cd_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let fields = json!({"f:spec": {"f:description": {}}});
        server.kubernetes.set_manager("invoice", "argocd-controller", &fields);
        let refused = patch(&server, "acme", "*", &json!({"description": "Mine", "timeout": "5m"})).await;
        assert_eq!(refused.status, 409);
        insta::assert_json_snapshot!(refused.without_request());
        assert_eq!(patch(&server, "acme", "*", &json!({"timeout": "5m"})).await.status, 200);
        assert_eq!(
            server.kubernetes.workflow("invoice")["spec"]["description"],
            "Fetches an invoice and adds it up."
        );
    }

    /// While the Kubernetes API is unavailable, the response has `Retry-After`.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_kubernetes_the_client_has_to_retry(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.go_down();
        let answer = patch(&server, "acme", "*", &json!({"timeout": "5m"})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("unavailable")));
        assert!(answer.headers.contains_key("retry-after"));
    }
}
