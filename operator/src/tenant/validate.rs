//! Whether a tenant can be set up, and as what.

use std::{collections::BTreeMap, sync::Arc};

use crds::{
    Plan, labels,
    plan::EgressEntry,
    tenant::{Access, TenantState},
};
use domain::egress::{Egress, effective};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use serde_json::Value;

use super::fetch::{Endpoint, Fetched};
use crate::config::Config;

/// A tenant that can be set up; what is built is built of this alone.
pub(super) struct Validated {
    pub(super) slug: String,
    pub(super) uid: String,
    pub(super) display_name: String,
    pub(super) state: TenantState,
    pub(super) settings: Value,
    pub(super) access: Vec<Access>,
    pub(super) plan: Arc<Plan>,
    pub(super) namespace: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) egress_entries: Vec<EgressEntry>,
    pub(super) egress: Egress,
    pub(super) kubernetes: Endpoint,
}

/// Why a tenant cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such plan; it may come.
    PlanNotFound(String),
    /// The namespace belongs to somebody else; with what to do.
    NamespaceNotOurs(String),
    /// The namespace is being deleted; it can be made again after that.
    NamespaceTerminating(String),
    /// The plan's or the tenant's egress cannot be read.
    EgressInvalid(String),
    /// The API server refuses a child.
    ApplyFailed(String),
}

/// Decides.
///
/// # Errors
/// The first reason why not.
pub(super) fn validate(fetched: &Fetched, config: &Config) -> Result<Validated, Refusal> {
    let Fetched { tenant, plan, namespace, kubernetes } = fetched;
    let (slug, uid) = (tenant.name_any(), tenant.uid().unwrap_or_default());
    let spec = &tenant.spec;
    let own = spec.namespace.clone().unwrap_or_default();
    let name = super::namespace_name(tenant);
    not_reserved(&name, config)?;
    if let Some(namespace) = namespace {
        ours(namespace, &slug, &uid, own.adopt.unwrap_or(false))?;
    }
    let plan = plan.clone().ok_or_else(|| Refusal::PlanNotFound(spec.plan_ref.name.clone()))?;
    let wanted = spec.network.as_ref().map_or(&[][..], |network| &network.egress);
    let egress_entries = effective(&plan.spec.network.clone().unwrap_or_default(), wanted);
    let read = |entries: &[EgressEntry]| {
        Egress::parse(entries, &config.cluster_cidrs)
            .map_err(|error| Refusal::EgressInvalid(error.to_string()))
    };
    // What the tenant wrote is read too: an entry that allows nothing because of a typo must not go unnoticed.
    read(wanted)?;
    let egress = read(&egress_entries)?;
    Ok(Validated {
        display_name: spec.display_name.clone().unwrap_or_else(|| slug.clone()),
        state: spec.state.unwrap_or_default(),
        settings: spec.settings.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        access: spec.access.clone(),
        kubernetes: kubernetes.clone(),
        namespace: name,
        labels: own.labels,
        annotations: own.annotations,
        slug,
        uid,
        plan,
        egress_entries,
        egress,
    })
}

/// Namespaces that are never a tenant's: a default-deny policy there would stop the cluster.
fn not_reserved(name: &str, config: &Config) -> Result<(), Refusal> {
    if name == "default" || name.starts_with("kube-") || name == config.release_namespace {
        return Err(Refusal::NamespaceNotOurs(format!(
            "namespace {name} belongs to the cluster: give the tenant another one in spec.namespace.name"
        )));
    }
    Ok(())
}

fn ours(namespace: &Namespace, slug: &str, uid: &str, adopt: bool) -> Result<(), Refusal> {
    let name = namespace.name_any();
    if namespace.metadata.deletion_timestamp.is_some() {
        return Err(Refusal::NamespaceTerminating(name));
    }
    let owner = namespace.labels().get(labels::TENANT).map(String::as_str);
    let by = namespace.annotations().get(labels::TENANT_UID).map(String::as_str);
    match owner {
        Some(owner) if owner != slug => {
            Err(Refusal::NamespaceNotOurs(format!("namespace {name} belongs to tenant {owner}")))
        }
        Some(_) if by == Some(uid) => Ok(()),
        _ if adopt => Ok(()),
        _ => Err(Refusal::NamespaceNotOurs(format!(
            "namespace {name} exists, and this tenant did not make it: delete it, give the tenant another one \
             in spec.namespace.name, or set spec.namespace.adopt to true to take it over"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(owner: Option<&str>, uid: Option<&str>) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some("t-acme".into());
        namespace.metadata.labels =
            owner.map(|owner| BTreeMap::from([(labels::TENANT.into(), owner.into())]));
        namespace.metadata.annotations =
            uid.map(|uid| BTreeMap::from([(labels::TENANT_UID.into(), uid.into())]));
        namespace
    }

    /// A tenant takes over a namespace that somebody else works in, and closes it.
    #[test]
    fn a_namespace_is_taken_over_only_when_asked_to() {
        let refused = |namespace: &Namespace| ours(namespace, "acme", "u1", false).is_err();
        assert!(refused(&namespace(None, None)));
        assert!(refused(&namespace(Some("acme"), Some("u0"))), "an earlier tenant of the same name");
        assert!(!refused(&namespace(Some("acme"), Some("u1"))));
        assert_eq!(ours(&namespace(None, None), "acme", "u1", true), Ok(()));
    }

    /// Two tenants share a namespace, and read each other's runs.
    #[test]
    fn another_tenants_namespace_is_refused_even_when_asked_to() {
        assert!(ours(&namespace(Some("globex"), Some("u2")), "acme", "u1", true).is_err());
    }
}
