//! Schemathesis sends requests that it derives from the OpenAPI document, valid and invalid ones, and sequences of them.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::clients::{DOCUMENT, Workspace, execute};

use super::server::Server;

/// Variable with the minimum number of requests, which `cargo xtask fuzz api` sets. Without it, a test sends the same requests each
/// time.
const REQUESTS: &str = "SMBCOPILOT_TEST_SCHEMATHESIS_REQUESTS";
/// Maximum number of requests that are generated for an operation, and of sequences of requests: in a test, and in each round of a
/// longer run.
const EXAMPLES: (u32, u32) = (4, 60);
/// Time limit of a round.
const ROUND_TIMEOUT: Duration = Duration::from_secs(1_800);

/// Returns the minimum number of requests of a longer run.
#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn min_requests() -> anyhow::Result<Option<u64>> {
    match std::env::var(REQUESTS) {
        Ok(requests) => requests.parse().map(Some).with_context(|| format!("{REQUESTS} is not a number")),
        Err(_) => Ok(None),
    }
}

/// Returns the ID of the tenant with this slug.
async fn tenant_id(server: &Server, slug: &str) -> anyhow::Result<String> {
    let select = "select id::text from tenants where slug = $1";
    Ok(sqlx::query_scalar(select).bind(slug).fetch_one(server.owner()).await?)
}

/// Returns what the program needs to know about the objects of the server.
async fn environment(server: &Server) -> anyhow::Result<Vec<(&'static str, String)>> {
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
        "/v1/tenants": [tenant_id(server, &other.slug).await?],
    });
    let protected = json!([tenant_id(server, &server.tenant.slug).await?]);
    Ok(vec![
        ("SCHEMATHESIS_HOOKS", "hooks.py".to_owned()),
        ("SMBCOPILOT_TOKEN", server.admin()?),
        ("SMBCOPILOT_PLATFORM_TOKEN", server.platform_admin()?),
        ("SMBCOPILOT_IDS", ids.to_string()),
        ("SMBCOPILOT_PROTECTED_IDS", protected.to_string()),
    ])
}

/// Returns the number of requests in the summary of the program, as in `1234 generated, 1234 passed`.
fn requests(printed: &str) -> anyhow::Result<u64> {
    let (before, _) = printed.rsplit_once(" generated").with_context(|| format!("no summary: {printed}"))?;
    let number = before.split_whitespace().next_back().unwrap_or_default();
    number.parse().with_context(|| format!("{number} is not the number of requests"))
}

/// Whatever a client sends, no response has a status of 5xx, and each has a status, a problem code, a media type, headers and a
/// schema that the document describes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the number of requests is a result for the user")]
async fn no_request_is_answered_other_than_documented() -> anyhow::Result<()> {
    let (server, min_requests) = (Server::start().await?, min_requests()?);
    let environment = environment(&server).await?;
    let workspace = Workspace::create()?;
    for file in ["hooks.py", "schemathesis.toml"] {
        workspace.copy(&format!("schemathesis/{file}"))?;
    }
    let examples = if min_requests.is_some() { EXAMPLES.1 } else { EXAMPLES.0 };
    let mut sent = 0;
    for seed in 1_u32.. {
        let mut schemathesis = workspace.python();
        schemathesis
            .args(["-m", "schemathesis.cli", "run", DOCUMENT, "--no-color", "--url", server.url()])
            .args(["--seed", &seed.to_string(), "--max-examples", &examples.to_string()])
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let printed = execute(&mut schemathesis, ROUND_TIMEOUT).await?;
        sent += requests(&printed)?;
        println!("result: {sent} requests with the seeds 1 to {seed} were answered as documented");
        if min_requests.is_none_or(|min| sent >= min) {
            break;
        }
    }
    Ok(())
}
