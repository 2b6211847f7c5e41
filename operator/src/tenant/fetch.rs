//! What a tenant's set-up depends on.

use std::{net::IpAddr, sync::Arc};

use crds::{Plan, Tenant};
use k8s_openapi::api::{
    core::v1::{Namespace, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, Client, api::ListParams};

use crate::{api, context::Context, errors::Error};

/// All that is needed to decide about a tenant.
pub(super) struct Fetched {
    pub(super) tenant: Arc<Tenant>,
    /// None: there is no plan of that name (yet).
    pub(super) plan: Option<Arc<Plan>>,
    /// None: it is still to be made.
    pub(super) namespace: Option<Namespace>,
    pub(super) kubernetes: Endpoint,
}

/// Where the Kubernetes API listens, before and after the translation of Service addresses: network engines
/// differ in which of the two they judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ports: Vec<i32>,
}

/// Fetches it.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn fetch(ctx: &Context, tenant: Arc<Tenant>) -> Result<Fetched, Error> {
    let plan = ctx.stores.plan_of(&tenant);
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = api::get(&namespaces, &super::namespace_name(&tenant)).await?;
    let kubernetes = kubernetes(&ctx.client).await?;
    Ok(Fetched { tenant, plan, namespace, kubernetes })
}

async fn kubernetes(client: &Client) -> Result<Endpoint, Error> {
    let slices: Api<EndpointSlice> = api::within(client, "default");
    let of_service = ListParams::default().labels("kubernetes.io/service-name=kubernetes");
    let slices = api::list(&slices, of_service).await?;
    let service = api::get(&api::within::<Service>(client, "default"), "kubernetes").await?;
    Ok(endpoint(&slices, service.as_ref()))
}

fn endpoint(slices: &[EndpointSlice], service: Option<&Service>) -> Endpoint {
    let spec = service.and_then(|service| service.spec.as_ref());
    let behind = slices.iter().flat_map(|slice| &slice.endpoints).flat_map(|endpoint| &endpoint.addresses);
    let before = spec.and_then(|spec| spec.cluster_ips.as_ref()).into_iter().flatten();
    let mut addresses: Vec<IpAddr> = behind.chain(before).filter_map(|text| text.parse().ok()).collect();
    let behind = slices.iter().flat_map(|slice| slice.ports.iter().flatten()).filter_map(|port| port.port);
    let before = spec.and_then(|spec| spec.ports.as_ref()).into_iter().flatten().map(|port| port.port);
    let mut ports: Vec<i32> = behind.chain(before).collect();
    addresses.sort_unstable();
    addresses.dedup();
    ports.sort_unstable();
    ports.dedup();
    Endpoint { addresses, ports }
}
