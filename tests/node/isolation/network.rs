//! Network policies. A connection counts as denied only if the same connection was open with another policy.

use serde_json::json;
use tests::{api::ApiClient, cluster, wait::until};

use super::{
    pods::{Connection, DEADLINE, Listener, connect, probe},
    policies::Policy,
    unmanaged_namespace,
};

const POSTGRES: &str = "smb-copilot-postgres.smb-copilot:5432";
const QDRANT: &str = "smb-copilot-qdrant.smb-copilot:6334";
const API: &str = "smb-copilot-api-server.smb-copilot:80";
const PRICES: &str = "prices.shop:8080";
const KUBERNETES: &str = "kubernetes.default:443";

/// The test cluster enforces network policies, which the other tests rely on.
#[tokio::test]
async fn a_connection_is_open_until_a_policy_denies_it() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let server_namespace = unmanaged_namespace::create(&client).await?;
    let client_namespace = unmanaged_namespace::create(&client).await?;
    let listener = Listener::start(&client, &server_namespace).await?;
    assert_eq!(connect(&client, &client_namespace, &listener.address).await?, Connection::Open);
    Policy::deny(&client, &server_namespace).await?;
    let observe = async || connect(&client, &client_namespace, &listener.address).await;
    until("the denied connection is closed", DEADLINE, observe, |connection| {
        *connection == Connection::Closed
    })
    .await?;
    unmanaged_namespace::delete(&client, &server_namespace).await?;
    unmanaged_namespace::delete(&client, &client_namespace).await
}

/// A pod of a tenant cannot connect to pods of another tenant, to the databases, or to targets that only
/// another plan permits.
#[tokio::test]
async fn a_tenant_cannot_connect_to_another_one_or_the_databases() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let listener = Listener::start(&client, "t-acme").await?;
    let targets = [listener.address.as_str(), POSTGRES, QDRANT, PRICES, API];
    let found = probe(&client, "t-globex", &targets).await?;
    assert_eq!(found.get(API), Some(&Connection::Open), "the allowed connection is not open: {found:?}");
    for target in [&listener.address, POSTGRES, QDRANT, PRICES] {
        assert_eq!(found.get(target), Some(&Connection::Closed), "{target}: {found:?}");
    }

    // All targets listen for connections, so that only the policies can deny them.
    let postgres = json!({"app.kubernetes.io/component": "postgres"});
    let qdrant = json!({"app.kubernetes.io/component": "qdrant"});
    let policies = [
        Policy::allow_egress(&client, "t-globex").await?,
        Policy::allow_ingress(&client, "t-acme", &json!({"isolation": listener.name}), "t-globex").await?,
        Policy::allow_ingress(&client, "smb-copilot", &postgres, "t-globex").await?,
        Policy::allow_ingress(&client, "smb-copilot", &qdrant, "t-globex").await?,
    ];
    let observe = async || probe(&client, "t-globex", &targets).await;
    let opened = until("the connection is open when a policy allows it", DEADLINE, observe, |found| {
        found.values().all(|connection| *connection == Connection::Open)
    });
    let opened = opened.await;
    for policy in policies {
        policy.delete().await?;
    }
    listener.delete().await?;
    opened.map(drop)
}

/// Runs can connect to the targets that their plan names, and to those that every run needs.
#[tokio::test]
async fn a_plan_permits_the_targets_that_it_names() -> anyhow::Result<()> {
    let found = probe(&cluster::client().await?, "t-acme", &[PRICES, KUBERNETES, API]).await?;
    assert!(found.values().all(|connection| *connection == Connection::Open), "{found:?}");
    Ok(())
}

/// Only the api-server can connect to the database.
#[tokio::test]
async fn only_the_api_server_can_connect_to_the_database() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    assert_eq!(ApiClient::viewer()?.get("/v1/tenant").await?.status, 200, "the API reads from the database");
    let namespace = unmanaged_namespace::create(&client).await?;
    let found = probe(&client, &namespace, &[POSTGRES, API]).await?;
    assert_eq!((found.get(POSTGRES), found.get(API)), (Some(&Connection::Closed), Some(&Connection::Open)));
    unmanaged_namespace::delete(&client, &namespace).await
}
