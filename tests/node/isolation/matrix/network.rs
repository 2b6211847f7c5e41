//! Connections from pods of each tenant to pods of each other one, to the platform's databases and to the node.

use std::collections::BTreeMap;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::ListParams};
use serde_json::json;
use tests::{cluster, docs::section, wait::until};

use super::{
    super::{
        pods::{Connection, DEADLINE, Listener, probe},
        policies::Policy,
    },
    PAGE, tenants,
};

const POSTGRES: &str = "smb-copilot-postgres.smb-copilot:5432";
const QDRANT: &str = "smb-copilot-qdrant.smb-copilot:6334";
const API: &str = "smb-copilot-api-server.smb-copilot:80";
/// Port of the kubelet, which runs commands in pods.
const KUBELET_PORT: u16 = 10_250;

/// Returns the address of the kubelet of the node.
async fn kubelet(client: &Client) -> anyhow::Result<String> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let addresses = nodes.into_iter().filter_map(|node| node.status?.addresses).flatten();
    let internal = addresses.into_iter().find(|address| address.type_ == "InternalIP");
    Ok(format!("{}:{KUBELET_PORT}", internal.context("the node has no address")?.address))
}

/// Opens everything that the platform's policies close between the tenants, and returns the policies that do.
async fn open_all(client: &Client, slugs: &[String], listeners: &[Listener]) -> anyhow::Result<Vec<Policy>> {
    let component = |name: &str| json!({"app.kubernetes.io/component": name});
    let mut policies = Vec::new();
    for (slug, listener) in slugs.iter().zip(listeners) {
        let own = tenants::namespace(slug);
        policies.push(Policy::allow_egress(client, &own).await?);
        for database in ["postgres", "qdrant"] {
            policies.push(Policy::allow_ingress(client, "smb-copilot", &component(database), &own).await?);
        }
        for other in slugs.iter().filter(|other| *other != slug) {
            let (pods, from) = (json!({"isolation": listener.name}), tenants::namespace(other));
            policies.push(Policy::allow_ingress(client, &own, &pods, &from).await?);
        }
    }
    Ok(policies)
}

/// A pod of a tenant connects neither to pods of another tenant, nor to the databases with the rows and vectors of all tenants, nor to
/// the kubelet. Each connection is open as soon as policies allow it, and the API is open all the time.
#[tokio::test]
async fn no_pod_of_a_tenant_connects_to_another_tenant() -> anyhow::Result<()> {
    let (client, slugs) = (cluster::client().await?, tenants::get_or_create().await?);
    let mut listeners = Vec::new();
    for slug in slugs {
        listeners.push(Listener::start(&client, &tenants::namespace(slug)).await?);
    }
    let kubelet = kubelet(&client).await?;
    let targets = |attacker: usize| {
        let others = listeners.iter().enumerate().filter(move |(victim, _)| *victim != attacker);
        let others = others.map(|(_, listener)| listener.address.as_str());
        others.chain([POSTGRES, QDRANT, kubelet.as_str()]).collect::<Vec<_>>()
    };
    for (attacker, slug) in slugs.iter().enumerate() {
        let mut all = targets(attacker);
        all.push(API);
        let found = probe(&client, &tenants::namespace(slug), &all).await?;
        assert_eq!(found.get(API), Some(&Connection::Open), "the allowed connection is not open: {found:?}");
        for target in targets(attacker) {
            assert_eq!(found.get(target), Some(&Connection::Closed), "{slug} to {target}: {found:?}");
        }
    }
    let policies = open_all(&client, slugs, &listeners).await?;
    let mut opened = Ok(BTreeMap::new());
    for (attacker, slug) in slugs.iter().enumerate() {
        let observe = async || probe(&client, &tenants::namespace(slug), &targets(attacker)).await;
        let are_open = |found: &BTreeMap<_, _>| found.values().all(|it| *it == Connection::Open);
        opened = opened.and(until("all connections are open", DEADLINE, observe, are_open).await);
    }
    for policy in policies {
        policy.delete().await?;
    }
    for listener in listeners {
        listener.delete().await?;
    }
    opened?;
    let executed = "| from a pod of a tenant to | connection | control: with a policy that allows it |\n| --- | --- | --- |\n\
        | a pod of each other tenant | closed | open |\n\
        | Postgres, which has the rows of all tenants | closed | open |\n\
        | Qdrant, which has the vectors of all tenants | closed | open |\n\
        | the kubelet of the node | closed | open |\n\
        | the api-server, where a token decides | open | – |";
    section::check(PAGE, "network", executed)
}
