//! Objects that the set-up of a tenant depends on.

use std::{net::IpAddr, sync::Arc};

use crds::{Plan, Tenant};
use k8s_openapi::api::{core::v1::Namespace, discovery::v1::EndpointSlice};
use kube::Api;

use super::{
    drain::{self, Unfinished},
    usage::{RunUsage, Usage},
    validate::belongs_to,
};
use crate::{
    api,
    context::Context,
    errors::Error,
    names::tenant_namespace,
    state::{ChildObject, Enforcement},
};

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
    /// Unfinished runs of the tenant.
    pub(super) unfinished: Unfinished,
    /// What the tenant uses of its plan.
    pub(super) usage: Usage,
    /// Whether the cluster enforces network policies.
    pub(super) enforcement: Enforcement,
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
    let namespace = match own_namespace(ctx, &tenant) {
        Some(namespace) => Some(namespace),
        None => api::get(&Api::all(ctx.client.clone()), &tenant_namespace(&tenant)).await?,
    };
    let kubernetes = kubernetes_endpoint(ctx);
    let counts_objects = ctx.object_counts.are_available();
    let unfinished = drain::unfinished(ctx, &tenant);
    let usage = usage(ctx, &tenant);
    let enforcement = ctx.enforcement.get();
    Ok(Fetched { tenant, plan, namespace, kubernetes, counts_objects, unfinished, usage, enforcement })
}

/// Returns the tenant's namespace as the watch has last delivered it, which spares a request in almost every reconcile. A namespace
/// that does not belong to the tenant, or that has lost its label, may have been changed since without the watch showing it; it is
/// read from the API server. One that was deleted meanwhile is not applied, since its UID does not exist any more.
fn own_namespace(ctx: &Context, tenant: &Tenant) -> Option<Namespace> {
    ctx.stores.namespace(&tenant_namespace(tenant)).filter(|namespace| belongs_to(namespace, tenant))
}

fn usage(ctx: &Context, tenant: &Tenant) -> Usage {
    let namespace = tenant_namespace(tenant);
    let quota = ctx.stores.quota_in(&namespace);
    let runs = ctx.stores.runs_in(&namespace);
    Usage::new(quota.as_deref().map(ChildObject::object), RunUsage::of_runs(runs.iter().map(AsRef::as_ref)))
}

fn kubernetes_endpoint(ctx: &Context) -> Endpoint {
    let service = ctx.config.kubernetes_service_host.map(|host| (host, ctx.config.kubernetes_service_port));
    endpoint(&ctx.stores.kubernetes_endpoints.state(), service)
}

fn endpoint(slices: &[Arc<EndpointSlice>], service: Option<(IpAddr, u16)>) -> Endpoint {
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
