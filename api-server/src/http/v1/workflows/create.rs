//! `POST /v1/workflows`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    definition::CreateWorkflow,
    resource::{Workflow, WorkflowPreview},
};
use crate::{
    app::{
        self, App,
        idempotency::{Claim, IdempotencyKey, KeyedAction},
        workflows::{Create, Definition},
    },
    http::{
        authorize::Member,
        extract::{Json, Query},
        idempotency::replayed,
    },
    problem::Problem,
};

/// Options of the creation.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// If true, the workflow is checked completely, as far as Kubernetes, but not created: the response has no ID. Default: false.
    #[serde(default)]
    dry_run: bool,
}

/// Create a workflow
///
/// Creates a workflow in the namespace of the tenant. It is validated as the operator does it before anything is written; all
/// errors are listed with a JSON pointer into the body. Whether its Secrets exist is known only to the operator, whose result
/// `valid` and `problems` show afterwards. With an `Idempotency-Key`, a retry returns the workflow that the first request has
/// created and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `workflow.create`. Fails with 409 `already_exists`, 409 `plan_limit_reached`, 409
/// `idempotency_in_flight`, 413 `too_large`, 422 `invalid`, 422 `workflow_invalid`, 422 `idempotency_key_reused`, 423
/// `tenant_suspended`, or 429 `busy`.
#[utoipa::path(
    post, path = "/v1/workflows", tag = "workflows",
    params(
        Parameters,
        ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours"),
    ),
    request_body = CreateWorkflow,
    responses(
        (status = CREATED, description = "Workflow that was created", body = Workflow,
         headers(("Location" = String, description = "Path of the workflow"))),
        (status = OK, description = "Workflow that would be created, with `dryRun=true`", body = WorkflowPreview),
    )
)]
pub(in crate::http) async fn create_workflow(
    State(app): State<App>,
    member: Member,
    Query(Parameters { dry_run }): Query<Parameters>,
    key: Option<IdempotencyKey>,
    Json(mut body): Json<CreateWorkflow>,
) -> Result<Response, Problem> {
    let (scope, requested_by) = (member.tenant.scope, member.principal.email);
    let definition = Definition::new(&body.fields());
    let create = Create { name: body.name, definition, requested_by, key };
    if dry_run {
        let details = app::workflows::dry_run(&app, scope, create).await?;
        return Ok(axum::Json(WorkflowPreview(Workflow::from(details))).into_response());
    }
    let Create { name, definition, requested_by, key } = &create;
    let action = KeyedAction::CreateWorkflow { name, definition };
    let claim = Claim::new(scope, requested_by, key.clone(), &action);
    let (id, outcome) = claim.run(&app, app::workflows::create(&app, scope, create)).await?;
    let (details, _reservation) = app::workflows::details(&app, scope, id).await?;
    let mut response = Workflow::from(details).response(&HeaderMap::new());
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/workflows/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, Server};

    fn body() -> Value {
        json!({"name": "orders", "steps": [{"name": "one", "expr": {"value": "${{ input.total }}"}}], "timeout": "5m"})
    }

    async fn create(server: &Server, body: &Value) -> Answer {
        server.post("acme", "builder", "/v1/workflows", body).await
    }

    /// A created workflow is returned as Kubernetes has stored it, can be read at once, and is in the tenant's own namespace.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_created_workflow_can_be_read_at_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let created = create(&server, &body()).await;
        assert_eq!(
            (created.status, created.body["name"].as_str()),
            (201, Some("orders")),
            "{}",
            created.body
        );
        assert_eq!(created.body["timeout"], "5m");
        let location = created.headers["location"].to_str().unwrap();
        let read = server.get("acme", "viewer", location).await;
        assert_eq!((read.status, &read.body), (200, &created.body));
        assert_eq!(read.headers["etag"], created.headers["etag"]);
        assert_eq!(server.get("globex", "viewer", location).await.status, 404);
        assert_eq!(server.kubernetes.workflow("orders")["metadata"]["namespace"], "t-acme");
    }

    /// Viewers and members may not create workflows, and a suspended tenant accepts none.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn permission_and_state_of_the_tenant_are_checked(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (tenant, role, status, code) in [
            ("acme", "viewer", 403, "forbidden"),
            ("acme", "member", 403, "forbidden"),
            ("hooli", "admin", 423, "tenant_suspended"),
        ] {
            let answer = server.post(tenant, role, "/v1/workflows", &body()).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (status, Some(code)),
                "{tenant} {role}"
            );
        }
    }

    /// All errors of a definition are listed with their fields, before anything is written.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn all_errors_of_a_definition_are_listed(pool: PgPool) {
        let server = Server::start(&pool).await;
        let steps = json!([
            {"name": "one", "needs": ["two"], "expr": {"value": "${{ steps.three.output }}"}},
            {"name": "two", "needs": ["one"], "python": {"code": "def run(input):"}},
            {"name": "call", "workflow": {"name": "invoices"}},
        ]);
        let answer = create(&server, &json!({"name": "orders", "steps": steps})).await;
        assert_eq!(answer.status, 422);
        insta::assert_json_snapshot!(answer.without_request());
        let unknown =
            create(&server, &json!({"name": "orders", "steps": [{"name": "one", "exprs": {}}]})).await;
        assert_eq!((unknown.status, &unknown.body["errors"][0]["pointer"]), (422, &json!("/steps/0/exprs")));
        let none = create(&server, &json!({"name": "orders"})).await;
        assert_eq!((none.status, &none.body["errors"][0]["code"]), (422, &json!("no_steps")));
        assert!(!server.kubernetes.has_workflow("orders"));
    }

    /// A definition that takes more memory than the operator decodes is refused at once, with the reason.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_definition_of_too_many_values_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let mut large = body();
        large["steps"][0]["expr"]["value"] = json!(vec![json!({"": 0}); 20_000]);
        for path in ["/v1/workflows", "/v1/workflows?dryRun=true"] {
            let answer = server.post("acme", "builder", path, &large).await;
            assert_eq!(
                (answer.status, &answer.body["errors"][0]["code"]),
                (422, &json!("workflow_too_large")),
                "{}",
                answer.body
            );
        }
        assert!(!server.kubernetes.has_workflow("orders"));
    }

    /// A dry run writes nothing, and shows what would be written.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_dry_run_writes_nothing(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = "/v1/workflows?dryRun=true";
        let answer = server.post_with_key("acme", "builder", path, &body(), "order-1").await;
        assert_eq!((answer.status, answer.body["name"].as_str()), (200, Some("orders")), "{}", answer.body);
        // An ID would lead to nothing.
        assert!(answer.body["id"].is_null() && answer.body["steps"].is_array(), "{}", answer.body);
        assert!(!server.kubernetes.has_workflow("orders"));
        assert_eq!(
            server.get("acme", "viewer", "/v1/workflows").await.body["data"].as_array().unwrap().len(),
            3
        );
        let existing = json!({"name": "invoice", "steps": body()["steps"]});
        let answer = server.post("acme", "builder", path, &existing).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("already_exists")));
        // The key is free for the real request.
        let answer = server.post_with_key("acme", "builder", "/v1/workflows", &body(), "order-1").await;
        assert_eq!(answer.status, 201);
    }

    /// A workflow beyond the limit of the plan is refused with both numbers; a name in use with the name.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_limit_of_the_plan_and_names_in_use_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let existing = create(&server, &json!({"name": "invoice", "steps": body()["steps"]})).await;
        assert_eq!((existing.status, existing.body["code"].as_str()), (409, Some("already_exists")));
        server.set_plan_limits(json!({"workflows": 3})).await;
        let refused = create(&server, &body()).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("plan_limit_reached")));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("3 workflows") && detail.contains("plan allows 3"), "{detail}");
    }

    /// A retry with the same key returns the workflow of the first request, also if the stored key was lost, and the key is refused
    /// for any other request.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_retry_returns_the_workflow_of_the_first_request(pool: PgPool) {
        let server = Server::start(&pool).await;
        let post = async |body: &Value| {
            server.post_with_key("acme", "builder", "/v1/workflows", body, "order-1").await
        };
        let first = post(&body()).await;
        let other = json!({"name": "orders", "steps": body()["steps"]});
        for lose in [false, true] {
            let forget = async || {
                if lose {
                    sqlx::query("delete from idempotency_keys").execute(&pool).await.unwrap();
                }
            };
            forget().await;
            let again = post(&body()).await;
            assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]), "{}", again.body);
            assert_eq!(again.headers.contains_key("idempotent-replayed"), !lose);
            forget().await;
            let answer = post(&other).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("idempotency_key_reused")));
        }
    }
}
