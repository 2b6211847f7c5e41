//! Public programs of the world of GraphQL: audits of GraphQL over HTTP, a helper for Relay's pagination, and a composer of federated
//! graphs.

use std::time::Duration;

use serde_json::json;
use tests::clients::{SUBGRAPH, Workspace, execute};
use tokio::process::Command;

use super::server::Server;

/// Time limit of a program, ten times what it takes on two cores.
const DEADLINE: Duration = Duration::from_secs(120);
/// Number of runs through which the helper pages.
const RUNS: usize = 5;

/// Adds the server and a token of an admin of the tenant to the environment of a program.
fn with_server<'a>(command: &'a mut Command, server: &Server) -> anyhow::Result<&'a mut Command> {
    Ok(command.env("SMBCOPILOT_URL", server.url()).env("SMBCOPILOT_TOKEN", server.admin()?))
}

/// GraphQL over HTTP passes every public audit of its specification, of recommendations as well as of requirements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_audit_of_graphql_over_http_passes() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let workspace = Workspace::with_typescript(&["audits.ts"])?;
    workspace.check_types().await?;
    let printed = execute(with_server(workspace.node().arg("audits.ts"), &server)?, DEADLINE).await?;
    assert_eq!(printed.trim(), "61 of 61");
    Ok(())
}

/// A public helper for Relay's pagination returns every object of a connection once, forward and backward.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_helper_pages_through_connections() -> anyhow::Result<()> {
    let server = Server::start().await?;
    for total in 0..RUNS {
        let run = server.start_run(&[], &json!({"input": {"total": total}})).await?;
        assert_eq!(run.status, 202, "{run:?}");
    }
    let workspace = Workspace::with_typescript(&["relay.ts"])?;
    workspace.check_types().await?;
    let printed = execute(with_server(workspace.node().arg("relay.ts"), &server)?, DEADLINE).await?;
    assert!(printed.contains(&format!("workflowRuns: {RUNS} forward and {RUNS} backward")), "{printed}");
    assert!(printed.contains("events: "), "{printed}");
    Ok(())
}

/// A public composer joins the subgraph of the API with one that extends its entities by their keys.
#[tokio::test]
async fn the_subgraph_is_composed_with_another_one() -> anyhow::Result<()> {
    let workspace = Workspace::with_typescript(&["compose.ts", "billing.graphql"])?;
    workspace.check_types().await?;
    let printed =
        execute(workspace.node().args(["compose.ts", SUBGRAPH, "billing.graphql"]), DEADLINE).await?;
    assert!(printed.contains("Tenant: slug and invoices"), "{printed}");
    Ok(())
}
