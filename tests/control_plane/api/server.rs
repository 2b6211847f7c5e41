//! The router of the api-server on a port, with a database of its own.

use std::sync::Arc;

use anyhow::Context as _;
use api_server::{
    app::App,
    auth::Runners,
    db::{self, AppPool, MirrorPool, Urls},
    http::{self, HttpState},
    store::CursorKey,
};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use telemetry::Registry;
use tests::cluster::{client, client_as, unique};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{issuer::TestIssuer, tenant::TestTenant};

const ACCOUNT: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";
const GROUPS: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];

pub(super) struct Server {
    pub(super) tenant: TestTenant,
    /// Pool that can read every row.
    pub(super) owner: PgPool,
    url: String,
    token: String,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Server {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (urls, owner) = database().await?;
        let issuer = TestIssuer::start().await?;
        let mirror = MirrorPool::connect(&urls).await?;
        let tenant = TestTenant::create(&client().await?, &mirror).await?;
        let (db, kube) = (AppPool::connect(&urls).await?, client_as(ACCOUNT, &GROUPS).await?);
        let state = HttpState {
            runners: Arc::new(Runners::new(kube.clone(), db.clone())),
            verifier: Arc::new(issuer.verifier()?),
            metrics: http::Metrics::registered(&Registry::default()),
            app: App {
                objects: None,
                db,
                mirror,
                kube,
                cursors: CursorKey::new("a key of the tests")?,
                compute: compute::Pool::new(compute::Limits::default(), &Registry::default()),
                limits: Arc::default(),
                shutdown: CancellationToken::new(),
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = http::router(state)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { token: issuer.token(&tenant.slug)?, tenant, owner, url })
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<Response> {
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.bearer_auth(&self.token).json(body).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Response { status, headers, body: response.json().await? })
    }

    /// Starts a run of the tenant's workflow.
    pub(super) async fn start_run(&self, headers: &[(&str, &str)], body: &Value) -> anyhow::Result<Response> {
        let path = format!("/v1/workflows/{}/runs", self.tenant.workflow);
        self.send(Method::POST, &path, headers, body).await
    }
}

async fn database() -> anyhow::Result<(Urls, PgPool)> {
    let name = unique("api").replace('-', "_");
    let mut url: url::Url = server_url()?.parse()?;
    let mut server =
        PgConnection::connect(url.as_str()).await.context("failed to connect to the test database")?;
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut server).await?;
    url.set_path(&name);
    let urls = Urls::new(url.as_str(), Some(url.as_str()), Some(url.as_str()))?;
    db::migrate(&urls, None).await?;
    Ok((urls, PgPool::connect(url.as_str()).await?))
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn server_url() -> anyhow::Result<String> {
    std::env::var("DATABASE_URL").context("no test database: run `cargo xtask test control-plane`")
}
