//! Objects that the set-up of a tenant depends on.

use std::{net::IpAddr, sync::Arc};

use crds::{Plan, Tenant};
use k8s_openapi::api::{core::v1::Namespace, discovery::v1::EndpointSlice};
use kube::{Api, api::ListParams};

use super::object_counts;
use crate::{api, context::Context, errors::Error, names::tenant_namespace};

/// Objects that the set-up of a tenant depends on.
pub(super) struct Fetched {
    pub(super) tenant: Arc<Tenant>,
    /// The tenant's plan, or `None` if it does not exist.
    pub(super) plan: Option<Arc<Plan>>,
    /// The tenant's namespace, or `None` if it does not exist yet.
    pub(super) namespace: Option<Namespace>,
    /// Endpoint of the Kubernetes API.
    pub(super) kubernetes: Endpoint,
    /// Whether a quota can limit the number of runs and workflows.
    pub(super) counts_objects: bool,
}

/// Addresses and ports of the Kubernetes API, before and after the translation of the Service's address. Network plugins
/// differ in which of the two a network policy applies to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ports: Vec<i32>,
}

/// Reads the objects from the stores and from the API server.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn fetch(ctx: &Context, tenant: Arc<Tenant>) -> Result<Fetched, Error> {
    let plan = ctx.stores.plan_of(&tenant);
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = api::get(&namespaces, &tenant_namespace(&tenant)).await?;
    let kubernetes = kubernetes_endpoint(ctx).await?;
    let counts_objects = object_counts::are_available(ctx).await?;
    Ok(Fetched { tenant, plan, namespace, kubernetes, counts_objects })
}

async fn kubernetes_endpoint(ctx: &Context) -> Result<Endpoint, Error> {
    let slices: Api<EndpointSlice> = api::within(&ctx.client, "default");
    let service_selector = ListParams::default().labels("kubernetes.io/service-name=kubernetes");
    let service = ctx.config.kubernetes_service_host.map(|host| (host, ctx.config.kubernetes_service_port));
    Ok(endpoint(&api::list(&slices, service_selector).await?, service))
}

fn endpoint(slices: &[EndpointSlice], service: Option<(IpAddr, u16)>) -> Endpoint {
    let behind = slices.iter().flat_map(|slice| &slice.endpoints).flat_map(|endpoint| &endpoint.addresses);
    let behind = behind.filter_map(|text| text.parse().ok());
    let mut addresses: Vec<IpAddr> = behind.chain(service.map(|(host, _)| host)).collect();
    let behind = slices.iter().flat_map(|slice| slice.ports.iter().flatten()).filter_map(|port| port.port);
    let mut ports: Vec<i32> = behind.chain(service.map(|(_, port)| i32::from(port))).collect();
    addresses.sort_unstable();
    addresses.dedup();
    ports.sort_unstable();
    ports.dedup();
    Endpoint { addresses, ports }
}
