//! Who reaches whom. A connection counts as closed only where the same one was seen open under another policy.

use serde_json::json;
use tests::{api::Caller, cluster, wait::until};

use super::{
    plain,
    pods::{DEADLINE, Door, Listener, door, probe},
    policies::Policy,
};

const POSTGRES: &str = "smb-copilot-postgres.smb-copilot:5432";
const API: &str = "smb-copilot-api-server.smb-copilot:80";
const PRICES: &str = "prices.shop:8080";
const KUBERNETES: &str = "kubernetes.default:443";

/// The cluster of the tests ignores network policies: all the scenarios below would prove nothing.
#[tokio::test]
async fn a_connection_is_open_until_a_policy_closes_it() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (here, there) = (plain::create(&client).await?, plain::create(&client).await?);
    let listener = Listener::start(&client, &here).await?;
    assert_eq!(door(&client, &there, &listener.address).await?, Door::Open);
    Policy::deny(&client, &here).await?;
    let look = async || door(&client, &there, &listener.address).await;
    until("the denied connection is closed", DEADLINE, look, |door| *door == Door::Closed).await?;
    plain::delete(&client, &here).await?;
    plain::delete(&client, &there).await
}

/// A pod of one business talks to a pod of another, reads the database of all, or goes where only another's plan goes.
#[tokio::test]
async fn a_tenant_reaches_neither_another_nor_the_database() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let listener = Listener::start(&client, "t-acme").await?;
    let targets = [listener.address.as_str(), POSTGRES, PRICES, API];
    let found = probe(&client, "t-globex", &targets).await?;
    assert_eq!(found.get(API), Some(&Door::Open), "what is allowed is open: {found:?}");
    for target in [&listener.address, POSTGRES, PRICES] {
        assert_eq!(found.get(target), Some(&Door::Closed), "{target}: {found:?}");
    }

    // Nothing but the policies keeps them apart: somebody listens at all of them.
    let postgres = json!({"app.kubernetes.io/component": "postgres"});
    let policies = [
        Policy::let_out(&client, "t-globex").await?,
        Policy::let_in(&client, "t-acme", &json!({"isolation": listener.name}), "t-globex").await?,
        Policy::let_in(&client, "smb-copilot", &postgres, "t-globex").await?,
    ];
    let look = async || probe(&client, "t-globex", &targets).await;
    let opened = until("it is open when allowed", DEADLINE, look, |found| {
        found.values().all(|door| *door == Door::Open)
    });
    let opened = opened.await;
    for policy in policies {
        policy.end().await?;
    }
    listener.end().await?;
    opened.map(drop)
}

/// Runs reach nothing of what their plan names, or not what every run needs.
#[tokio::test]
async fn a_plan_opens_what_it_names() -> anyhow::Result<()> {
    let found = probe(&cluster::client().await?, "t-acme", &[PRICES, KUBERNETES, API]).await?;
    assert!(found.values().all(|door| *door == Door::Open), "{found:?}");
    Ok(())
}

/// The database is shut against everybody, and the API is down with it.
#[tokio::test]
async fn the_database_is_open_to_the_api_server_alone() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    assert_eq!(
        Caller::viewer()?.get("/v1/tenant").await?.status,
        200,
        "what the API tells is in the database"
    );
    let stranger = plain::create(&client).await?;
    let found = probe(&client, &stranger, &[POSTGRES, API]).await?;
    assert_eq!((found.get(POSTGRES), found.get(API)), (Some(&Door::Closed), Some(&Door::Open)));
    plain::delete(&client, &stranger).await
}
