//! Schemathesis sends requests that it derives from the OpenAPI document, valid and invalid ones, and sequences of them.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::clients::{DOCUMENT, Workspace, execute};

use super::server::Server;

/// Duration of the requests. `cargo xtask fuzz api` sets another.
const SECONDS: &str = "SMBCOPILOT_TEST_SCHEMATHESIS_SECONDS";
const DEFAULT_SECONDS: u64 = 45;
/// Seed of the requests of a test, so that it sends the same ones each time.
const SEED: &str = "1";
/// Time for the start of the program, and for the last requests.
const GRACE: Duration = Duration::from_secs(240);

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn seconds() -> anyhow::Result<u64> {
    match std::env::var(SECONDS) {
        Ok(seconds) => seconds.parse().with_context(|| format!("{SECONDS} is not a number")),
        Err(_) => Ok(DEFAULT_SECONDS),
    }
}

/// Returns the ID of the tenant with this slug.
async fn tenant_id(server: &Server, slug: &str) -> anyhow::Result<String> {
    let select = "select id::text from tenants where slug = $1";
    Ok(sqlx::query_scalar(select).bind(slug).fetch_one(server.owner()).await?)
}

/// Whatever a client sends, no response has a status of 5xx, and each has a status, a problem code, a media type, headers and a
/// schema that the document describes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "finds faults that are open, see the changelog: run `cargo xtask fuzz api`"]
async fn no_request_is_answered_other_than_documented() -> anyhow::Result<()> {
    let (server, seconds) = (Server::start().await?, seconds()?);
    let other = server.another_tenant().await?;
    let mut runs = Vec::new();
    for total in 0..3 {
        let run = server.start_run(&[], &json!({"input": {"total": total}})).await?.body;
        runs.push(run.get("id").and_then(Value::as_str).context("the run has no ID")?.to_owned());
    }
    let run = server.tenant.runs.list(&Default::default()).await?.items.pop().context("there is no run")?;
    server.tenant.finish(run.metadata.name.as_deref().unwrap_or_default()).await?;
    let ids = json!({
        "/v1/workflows": [server.tenant.workflow], "/v1/workflow-runs": runs,
        "/v1/tenants": [tenant_id(&server, &other.slug).await?],
    });
    let workspace = Workspace::create()?;
    for file in ["hooks.py", "schemathesis.toml"] {
        workspace.copy(&format!("schemathesis/{file}"))?;
    }
    let mut schemathesis = workspace.python();
    schemathesis
        .args(["-m", "schemathesis.cli", "run", DOCUMENT, "--no-color", "--url", server.url()])
        .args(["--max-time", &seconds.to_string()])
        .env("SCHEMATHESIS_HOOKS", "hooks.py")
        .env("SMBCOPILOT_TOKEN", server.admin()?)
        .env("SMBCOPILOT_PLATFORM_TOKEN", server.platform_admin()?)
        .env("SMBCOPILOT_IDS", ids.to_string())
        .env("SMBCOPILOT_PROTECTED_IDS", json!([tenant_id(&server, &server.tenant.slug).await?]).to_string());
    if seconds == DEFAULT_SECONDS {
        schemathesis.args(["--seed", SEED]);
    }
    let printed = execute(&mut schemathesis, Duration::from_secs(seconds) + GRACE).await?;
    assert!(printed.contains(" generated, "), "{printed}");
    Ok(())
}
