//! Cancelling runs by REST.

use crds::run::Cancel;
use reqwest::Method;
use serde_json::json;

use super::server::Server;

/// A cancellation is written to the run. A graceful one can become an immediate one, and never the reverse.
#[tokio::test]
async fn a_cancellation_reaches_the_run_once() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let run = server.start_run(&[], &json!({})).await?.body;
    let path = format!("/v1/workflow-runs/{}/cancellation", run["id"].as_str().unwrap_or_default());
    let cancel = async |mode: &str| server.send(Method::PUT, &path, &[], &json!({"mode": mode})).await;
    let first = cancel("GRACEFUL").await?;
    assert_eq!(
        (first.status, first.body["cancellation"].as_str()),
        (202, Some("GRACEFUL")),
        "{}",
        first.body
    );
    assert_eq!(server.tenant.only_run().await?.spec.cancel, Some(Cancel::Graceful));
    assert_eq!(cancel("GRACEFUL").await?.status, 202);
    assert_eq!(cancel("NOW").await?.status, 202);
    assert_eq!(server.tenant.only_run().await?.spec.cancel, Some(Cancel::Now));
    let other = cancel("GRACEFUL").await?;
    assert_eq!((other.status, other.body["code"].as_str()), (409, Some("cancellation_fixed")));
    server.tenant.finish(run["name"].as_str().unwrap_or_default()).await?;
    let late = cancel("GRACEFUL").await?;
    assert_eq!((late.status, late.body["code"].as_str()), (409, Some("run_finished")));
    Ok(())
}
