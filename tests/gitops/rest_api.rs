//! The api-server beside a tool that applies from Git. Its mirror is played by the tests.

use anyhow::Context as _;
use api_server::mirror;
use kube::ResourceExt as _;
use reqwest::Method;
use serde_json::Value;
use tests::{api::ApiResponse, api_router::ApiRouter};

use super::tenancy::Tenancy;

const MERGE_PATCH: [(&str, &str); 2] = [("content-type", "application/merge-patch+json"), ("if-match", "*")];

/// REST API with the tenant and the workflow of a test.
pub(super) struct RestApi {
    router: ApiRouter,
    slug: String,
    /// Path of the tenant for administrators of the platform.
    pub(super) tenant: String,
    /// Path of the workflow `intake`.
    pub(super) workflow: String,
}

impl RestApi {
    /// Starts the api-server, and mirrors the tenant and its workflow.
    pub(super) async fn start(tenancy: &Tenancy) -> anyhow::Result<Self> {
        let router = ApiRouter::start().await?;
        mirror::apply_one(&router.mirror, &tenancy.tenants.get(&tenancy.slug).await?).await?;
        let workflow = tenancy.workflows.get("intake").await?;
        mirror::apply_one(&router.mirror, &workflow).await?;
        let id: String = sqlx::query_scalar("select id::text from tenants where slug = $1")
            .bind(&tenancy.slug)
            .fetch_one(&router.owner)
            .await?;
        Ok(Self {
            router,
            slug: tenancy.slug.clone(),
            tenant: format!("/v1/tenants/{id}"),
            workflow: format!("/v1/workflows/{}", workflow.uid().context("the workflow has no UID")?),
        })
    }

    /// Sends a merge patch as an administrator of the tenant.
    pub(super) async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<ApiResponse> {
        let token = self.router.issuer.token_with_roles(&self.slug, &["admin"])?;
        self.router.send(&token, Method::PATCH, path, &MERGE_PATCH, body).await
    }

    /// Sends a request as an administrator of the platform.
    pub(super) async fn put_as_platform(&self, path: &str) -> anyhow::Result<ApiResponse> {
        let token = self.router.issuer.platform_token()?;
        self.router.send(&token, Method::PUT, path, &[], &Value::Null).await
    }

    /// Checks that changes of fields that `manager` has set are refused, and that each refusal names field and manager: fields of the
    /// tenant, whose manifest declares its state, and of its workflow.
    pub(super) async fn refuses_fields_of(&self, manager: &str) -> anyhow::Result<()> {
        let (name, steps) = (serde_json::json!({"name": "Mine"}), steps("${{ 3 }}"));
        for (response, field, pointer) in [
            (self.patch("/v1/tenant", &name).await?, "spec.displayName", "/name"),
            (self.put_as_platform(&format!("{}/suspension", self.tenant)).await?, "spec.state", ""),
            (self.put_as_platform(&format!("{}/archive", self.tenant)).await?, "spec.state", ""),
            (
                self.patch(&self.workflow, &steps).await?,
                "spec.steps[name=\"double\"].expr.value",
                "/steps/0/expr/value",
            ),
        ] {
            let text =
                |pointer: &str| response.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            anyhow::ensure!(
                response.status == 409
                    && text("/code") == "managed_by_gitops"
                    && text("/detail").contains(&format!("{manager} manages {field}"))
                    && text("/errors/0/pointer").starts_with(pointer),
                "{field}: {response:?}"
            );
        }
        Ok(())
    }

    /// Changes fields that no manifest declares: the settings of the tenant, and the timeout of the workflow.
    pub(super) async fn change_others(&self) -> anyhow::Result<()> {
        let (settings, timeout) =
            (serde_json::json!({"settings": {"currency": "EUR"}}), serde_json::json!({"timeout": "5m"}));
        for (path, body) in [("/v1/tenant", settings), (&self.workflow, timeout)] {
            let response = self.patch(path, &body).await?;
            anyhow::ensure!(response.status == 200, "{path}: {response:?}");
        }
        Ok(())
    }
}

fn steps(value: &str) -> Value {
    serde_json::json!({"steps": [{"name": "double", "expr": {"value": value}}]})
}
