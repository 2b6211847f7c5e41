//! The router of the api-server on a port, with a database of its own, and a tenant.

use reqwest::Method;
use serde_json::Value;
use sqlx::PgPool;
use tests::{
    api::ApiResponse,
    api_router::{ApiRouter, Proxies, TestIssuer},
    cluster::client,
};

use super::tenant::TestTenant;

pub(super) struct Server {
    pub(super) tenant: TestTenant,
    router: ApiRouter,
    token: String,
}

impl Server {
    pub(super) async fn start() -> anyhow::Result<Self> {
        Self::with_tenant(ApiRouter::start().await?).await
    }

    /// Starts a server that connects to its dependencies through proxies.
    pub(super) async fn start_behind_proxies() -> anyhow::Result<(Self, Proxies)> {
        let (router, proxies) = ApiRouter::start_behind_proxies().await?;
        Ok((Self::with_tenant(router).await?, proxies))
    }

    async fn with_tenant(router: ApiRouter) -> anyhow::Result<Self> {
        let tenant = TestTenant::create(&client().await?, &router.mirror).await?;
        Ok(Self { token: router.issuer.token(&tenant.slug)?, tenant, router })
    }

    /// Returns the base URL of the API.
    pub(super) fn url(&self) -> &str {
        self.router.url()
    }

    /// Creates another tenant of the same api-server.
    pub(super) async fn another_tenant(&self) -> anyhow::Result<TestTenant> {
        TestTenant::create(&client().await?, &self.router.mirror).await
    }

    /// Returns the issuer of tokens.
    pub(super) fn issuer(&self) -> &TestIssuer {
        &self.router.issuer
    }

    /// Returns a pool that can read every row.
    pub(super) fn owner(&self) -> &PgPool {
        &self.router.owner
    }

    /// Sends a request with another token. A body that is not JSON is returned as null.
    pub(super) async fn send_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        self.send_with(token, method, path, &[], body).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        self.send_with(&self.token, method, path, headers, body).await
    }

    /// Returns a token of an admin of the tenant.
    pub(super) fn admin(&self) -> anyhow::Result<String> {
        self.issuer().token_with_roles(&self.tenant.slug, &["admin"])
    }

    /// Returns a token of an administrator of the platform.
    pub(super) fn platform_admin(&self) -> anyhow::Result<String> {
        self.issuer().platform_token()
    }

    pub(super) async fn send_with(
        &self,
        token: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        self.router.send(token, method, path, headers, body).await
    }

    /// Uploads bytes with a token.
    pub(super) async fn upload(
        &self,
        token: &str,
        path: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<ApiResponse> {
        self.router.upload(token, path, media_type, bytes).await
    }

    /// Starts a run of the tenant's workflow.
    pub(super) async fn start_run(
        &self,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        let path = format!("/v1/workflows/{}/runs", self.tenant.workflow);
        self.send(Method::POST, &path, headers, body).await
    }
}
