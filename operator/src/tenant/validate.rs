//! Validation of a tenant. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crds::{
    Plan, labels,
    plan::EgressEntry,
    tenant::{Access, TenantState},
};
use domain::egress::{Egress, effective_egress};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use serde_json::Value;

use super::fetch::{Endpoint, Fetched};
use crate::{config::Config, names::tenant_namespace};

/// A tenant that can be set up. Its children are built from this alone.
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
    /// Whether a quota can limit the number of runs and workflows.
    pub(super) counts_objects: bool,
}

/// Reason for which a tenant cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The plan of this name does not exist. It may be created later.
    PlanNotFound(String),
    /// The namespace does not belong to the tenant. Contains a message that says what to do.
    NamespaceNotOurs(String),
    /// The namespace of this name is being deleted. It can be created again afterwards.
    NamespaceTerminating(String),
    /// The egress rules of the plan or the tenant are not valid.
    EgressInvalid(String),
    /// The API server refuses a child object.
    ApplyFailed(String),
}

/// Returns the validated tenant.
///
/// # Errors
/// Returns the first reason for which the tenant cannot be set up.
pub(super) fn validate(fetched: &Fetched, config: &Config) -> Result<Validated, Refusal> {
    let Fetched { tenant, plan, namespace, kubernetes, counts_objects } = fetched;
    let (slug, uid) = (tenant.name_any(), tenant.uid().unwrap_or_default());
    let spec = &tenant.spec;
    let own = spec.namespace.clone().unwrap_or_default();
    let name = tenant_namespace(tenant);
    check_not_reserved(&name, config)?;
    if let Some(namespace) = namespace {
        check_owner(namespace, &slug, &uid, own.adopt.unwrap_or(false))?;
    }
    let plan = plan.clone().ok_or_else(|| Refusal::PlanNotFound(spec.plan_ref.name.clone()))?;
    let requested = spec.network.as_ref().map_or(&[][..], |network| &network.egress);
    let egress_entries = effective_egress(&plan.spec.network.clone().unwrap_or_default(), requested);
    let parse = |entries: &[EgressEntry]| {
        Egress::parse(entries, &config.cluster_cidrs)
            .map_err(|error| Refusal::EgressInvalid(error.to_string()))
    };
    // The tenant's own entries are parsed as well: one that allows nothing because of a typo must be
    // reported.
    parse(requested)?;
    let egress = parse(&egress_entries)?;
    Ok(Validated {
        display_name: spec.display_name.clone().unwrap_or_else(|| slug.clone()),
        state: spec.state.unwrap_or_default(),
        settings: spec.settings.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        access: spec.access.clone(),
        kubernetes: kubernetes.clone(),
        counts_objects: *counts_objects,
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

/// Refuses namespaces of the cluster: a default-deny policy there would stop the cluster.
fn check_not_reserved(name: &str, config: &Config) -> Result<(), Refusal> {
    if name == "default" || name.starts_with("kube-") || name == config.release_namespace {
        return Err(Refusal::NamespaceNotOurs(format!(
            "namespace {name} belongs to the cluster: give the tenant another one in spec.namespace.name"
        )));
    }
    Ok(())
}

/// Refuses a namespace that was not created for this tenant, unless the tenant wants to adopt it and may: the namespace
/// belonged to an earlier tenant of that name, or its annotation names the tenant. The admission policy
/// smb-copilot-operator-fence requires the annotation, too.
fn check_owner(namespace: &Namespace, slug: &str, uid: &str, adopt: bool) -> Result<(), Refusal> {
    let name = namespace.name_any();
    if namespace.metadata.deletion_timestamp.is_some() {
        return Err(Refusal::NamespaceTerminating(name));
    }
    let owner = namespace.labels().get(labels::TENANT).map(String::as_str);
    let owner_uid = namespace.annotations().get(labels::TENANT_UID).map(String::as_str);
    match owner {
        Some(owner) if owner != slug => {
            Err(Refusal::NamespaceNotOurs(format!("namespace {name} belongs to tenant {owner}")))
        }
        Some(_) if adopt || owner_uid == Some(uid) => Ok(()),
        None if adopt && namespace.annotations().get(labels::ADOPT_BY).is_some_and(|by| by == slug) => Ok(()),
        None if adopt => Err(Refusal::NamespaceNotOurs(format!(
            "namespace {name} exists and does not permit to be adopted by this tenant: run \
             `kubectl annotate namespace {name} {}={slug}`",
            labels::ADOPT_BY
        ))),
        _ => Err(Refusal::NamespaceNotOurs(format!(
            "namespace {name} exists, and was not created for this tenant: delete it, give the tenant another one \
             in spec.namespace.name, or set spec.namespace.adopt to true to adopt it"
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

    /// An existing namespace is adopted only if the tenant says so, since its network would be closed, and only if whoever
    /// manages the namespace has named the tenant.
    #[test]
    fn a_namespace_is_adopted_only_on_request() {
        let refused = |namespace: &Namespace| check_owner(namespace, "acme", "u1", false).is_err();
        assert!(refused(&namespace(None, None)));
        assert!(
            refused(&namespace(Some("acme"), Some("u0"))),
            "the namespace belongs to an earlier tenant of the same name"
        );
        assert!(!refused(&namespace(Some("acme"), Some("u1"))));
        let mut foreign = namespace(None, None);
        let message = format!("{:?}", check_owner(&foreign, "acme", "u1", true));
        assert!(
            message.contains("kubectl annotate namespace t-acme smbcopilot.dev/adopt-by=acme"),
            "{message}"
        );
        for (permitted, adopts) in [("globex", false), ("acme", true)] {
            foreign.annotations_mut().insert(labels::ADOPT_BY.into(), permitted.into());
            assert_eq!(check_owner(&foreign, "acme", "u1", true).is_ok(), adopts, "adopt-by={permitted}");
            assert!(check_owner(&foreign, "acme", "u1", false).is_err());
        }
        assert_eq!(check_owner(&namespace(Some("acme"), Some("u0")), "acme", "u1", true), Ok(()));
    }

    /// Two tenants never share a namespace, even if one requests to adopt it.
    #[test]
    fn the_namespace_of_another_tenant_is_never_adopted() {
        assert!(check_owner(&namespace(Some("globex"), Some("u2")), "acme", "u1", true).is_err());
    }
}
