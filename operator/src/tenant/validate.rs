//! Validation of a tenant. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crds::{
    Plan, Tenant, labels,
    plan::EgressEntry,
    tenant::{Access, TenantState},
};
use domain::egress::{Egress, effective_egress};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use serde_json::Value;

use super::{
    drain::Unfinished,
    fetch::{Endpoint, Fetched},
    policy::PolicyState,
};
use crate::{config::Config, names::tenant_namespace};

/// A tenant that can be set up. Its children are built from this alone.
pub(super) struct Validated {
    pub(super) slug: String,
    pub(super) uid: String,
    pub(super) display_name: String,
    pub(super) state: TenantState,
    /// JSON text of the settings.
    pub(super) settings: String,
    pub(super) access: Vec<Access>,
    pub(super) plan: Arc<Plan>,
    pub(super) namespace: String,
    /// UID of the namespace, if it exists.
    pub(super) namespace_uid: Option<String>,
    /// Whether the operator creates the namespace, or has created it.
    pub(super) creates_namespace: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) egress_entries: Vec<EgressEntry>,
    pub(super) egress: Egress,
    pub(super) kubernetes: Endpoint,
    /// Whether a quota can limit the number of runs and workflows.
    pub(super) counts_objects: bool,
    /// Runs that have to end before the tenant is suspended or archived.
    pub(super) unfinished: Unfinished,
    /// Whether what the plan says is in force once the children are applied.
    pub(super) policy: PolicyState,
}

/// Reason for which a tenant cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The plan of this name does not exist. It may be created later.
    PlanNotFound(String),
    /// The namespace belongs to the cluster, to another tenant or to nobody. Contains a message that names the owner and says
    /// what to do.
    NamespaceConflict(String),
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
    let Fetched { tenant, plan, namespace, kubernetes, counts_objects, unfinished, usage, enforcement } =
        fetched;
    let (slug, uid) = (tenant.name_any(), tenant.uid().unwrap_or_default());
    let spec = &tenant.spec;
    let own = spec.namespace.clone().unwrap_or_default();
    let name = tenant_namespace(tenant);
    check_not_reserved(&name, tenant, config)?;
    if let Some(namespace) = namespace {
        check_owner(namespace, tenant)?;
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
        settings: settings_text(spec.settings.as_ref()),
        access: spec.access.clone(),
        kubernetes: kubernetes.clone(),
        counts_objects: *counts_objects,
        unfinished: *unfinished,
        policy: PolicyState::new(&plan, usage, *enforcement),
        namespace: name,
        namespace_uid: namespace.as_ref().and_then(|namespace| namespace.uid()),
        creates_namespace: namespace.as_ref().is_none_or(was_created),
        labels: own.labels,
        annotations: own.annotations,
        slug,
        uid,
        plan,
        egress_entries,
        egress,
    })
}

/// Returns the JSON text of settings. As the operator reads them, they are a string with that text.
fn settings_text(settings: Option<&Value>) -> String {
    match settings {
        Some(Value::String(text)) => text.clone(),
        Some(settings) => settings.to_string(),
        None => "{}".to_owned(),
    }
}

/// Returns whether the operator has created a namespace.
pub(super) fn was_created(namespace: &Namespace) -> bool {
    namespace.annotations().get(labels::CREATED).is_some_and(|created| created == "true")
}

/// Refuses namespaces of the cluster: a default-deny policy there would stop the cluster.
fn check_not_reserved(name: &str, tenant: &Tenant, config: &Config) -> Result<(), Refusal> {
    let is_ours = name == config.release_namespace || config.network_probe_namespace.as_deref() == Some(name);
    if name == "default" || name.starts_with("kube-") || is_ours {
        let advice = how_to_use_another(tenant);
        return Err(Refusal::NamespaceConflict(format!("namespace {name} belongs to the cluster: {advice}")));
    }
    Ok(())
}

/// Returns how a tenant gets another namespace. The definition lets its spec name one only while it names none, and the admission
/// policy smb-copilot-tenant-fence only while it has none.
fn how_to_use_another(tenant: &Tenant) -> String {
    let names_one = tenant.spec.namespace.as_ref().is_some_and(|own| own.name.is_some());
    if !names_one && set_up_in(tenant).is_none() {
        return "name another one for this tenant in spec.namespace.name".to_owned();
    }
    let (slug, confirm) = (tenant.name_any(), labels::CONFIRM_DELETE);
    format!(
        "this tenant cannot be moved to another one; to use another one, delete the tenant with `kubectl annotate sten {slug} \
         --overwrite {confirm}={slug}` and `kubectl delete sten {slug}`, which leaves that namespace as it is, and create the \
         tenant again with the name of another one in spec.namespace.name"
    )
}

/// Returns the name of the namespace in which a tenant was set up.
fn set_up_in(tenant: &Tenant) -> Option<&str> {
    tenant.status.as_ref()?.namespace.as_deref()
}

/// Returns how a namespace that was set up for a tenant, and has lost its mark, is marked again.
pub(super) fn how_to_mark(namespace: &str, tenant: &Tenant) -> String {
    let (slug, uid) = (tenant.name_any(), tenant.uid().unwrap_or_default());
    format!(
        "namespace {namespace} was set up for this tenant, and does not say any more that it belongs to it. If it does, run \
         `kubectl label namespace {namespace} --overwrite {}={slug}` and `kubectl annotate namespace {namespace} --overwrite \
         {}={uid}`",
        labels::TENANT,
        labels::TENANT_UID
    )
}

/// Returns whether a namespace was created for, adopted by or restored to this tenant, and not another one of its name.
pub(super) fn belongs_to(namespace: &Namespace, tenant: &Tenant) -> bool {
    let owner = namespace.annotations().get(labels::TENANT_UID);
    owner.is_some()
        && owner == tenant.metadata.uid.as_ref()
        && namespace.labels().get(labels::TENANT) == tenant.metadata.name.as_ref()
}

/// Refuses a namespace that does not belong to this tenant, unless the tenant wants it and may have it: it restores what an
/// earlier tenant of its name has left, or adopts a namespace whose annotation names the tenant. The admission policy
/// smb-copilot-operator-fence requires that annotation, too.
fn check_owner(namespace: &Namespace, tenant: &Tenant) -> Result<(), Refusal> {
    let (name, slug) = (namespace.name_any(), tenant.name_any());
    if namespace.metadata.deletion_timestamp.is_some() {
        return Err(Refusal::NamespaceTerminating(name));
    }
    if belongs_to(namespace, tenant) {
        return Ok(());
    }
    let owner = namespace.labels().get(labels::TENANT).map(String::as_str);
    let owner_uid = namespace.annotations().get(labels::TENANT_UID).map(String::as_str);
    let restored = tenant.annotations().get(labels::RESTORE_FROM).map(String::as_str);
    let is_adopted = tenant.spec.namespace.as_ref().and_then(|own| own.adopt).unwrap_or(false);
    let message = match (owner, owner_uid) {
        (Some(owner), _) if owner != slug => {
            format!("namespace {name} belongs to tenant {owner}: {}", how_to_use_another(tenant))
        }
        (Some(_), Some(uid)) if restored == Some(uid) => return Ok(()),
        (Some(_), Some(uid)) => format!(
            "namespace {name} belongs to an earlier tenant {slug} with the UID {uid}, whose data was retained: to restore it, run \
             `kubectl annotate sten {slug} --overwrite {}={uid}`; to delete it, run `kubectl delete namespace {name}`",
            labels::RESTORE_FROM
        ),
        _ if is_adopted && namespace.annotations().get(labels::ADOPT_BY) == Some(&slug) => return Ok(()),
        _ if set_up_in(tenant) == Some(&name) => how_to_mark(&name, tenant),
        _ if is_adopted => format!(
            "namespace {name} exists and does not permit to be adopted by this tenant: run \
             `kubectl annotate namespace {name} {}={slug}`",
            labels::ADOPT_BY
        ),
        _ => format!(
            "namespace {name} exists, and was not created for a tenant: delete it, or set spec.namespace.adopt to true to adopt \
             it. Otherwise, {}",
            how_to_use_another(tenant)
        ),
    };
    Err(Refusal::NamespaceConflict(message))
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

    fn tenant(adopt: bool, restore_from: Option<&str>) -> Tenant {
        let restored = restore_from.map(|uid| format!("{}: {uid}", labels::RESTORE_FROM)).unwrap_or_default();
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme, uid: u1, annotations: {{{restored}}}}}, \
             spec: {{planRef: {{name: starter}}, namespace: {{adopt: {adopt}}}}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn conflict(namespace: &Namespace, tenant: &Tenant) -> Option<String> {
        match check_owner(namespace, tenant) {
            Ok(()) => None,
            Err(Refusal::NamespaceConflict(message)) => Some(message),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// An existing namespace is adopted only if the tenant says so, since its network would be closed, and only if whoever
    /// manages the namespace has named the tenant.
    #[test]
    fn a_namespace_is_adopted_only_on_request() {
        let (adopts, plain) = (tenant(true, None), tenant(false, None));
        assert_eq!(conflict(&namespace(Some("acme"), Some("u1")), &plain), None);
        let mut foreign = namespace(None, None);
        assert!(conflict(&foreign, &plain).is_some());
        let message = conflict(&foreign, &adopts).unwrap();
        assert!(
            message.contains("kubectl annotate namespace t-acme smbcopilot.dev/adopt-by=acme"),
            "{message}"
        );
        for (permitted, is_adopted) in [("globex", false), ("acme", true)] {
            foreign.annotations_mut().insert(labels::ADOPT_BY.into(), permitted.into());
            assert_eq!(conflict(&foreign, &adopts).is_none(), is_adopted, "adopt-by={permitted}");
            assert!(conflict(&foreign, &plain).is_some());
        }
    }

    /// What an earlier tenant of the same name has left is restored only by its UID, and the message says how.
    #[test]
    fn a_retained_namespace_is_restored_only_by_its_uid() {
        let retained = namespace(Some("acme"), Some("u0"));
        for tenant in [tenant(false, None), tenant(true, None), tenant(false, Some("u9"))] {
            let message = conflict(&retained, &tenant).unwrap();
            assert!(message.contains("smbcopilot.dev/restore-from=u0`"), "{message}");
        }
        assert_eq!(conflict(&retained, &tenant(false, Some("u0"))), None);
        // A namespace that an earlier tenant has adopted belongs to that tenant.
        let mut adopted = retained;
        adopted.annotations_mut().insert(labels::ADOPT_BY.into(), "acme".into());
        assert!(conflict(&adopted, &tenant(true, None)).is_some());
    }

    /// The message about a namespace of somebody else advises another name only where the API server accepts one: not once the spec
    /// names a namespace, nor once the tenant has one.
    #[test]
    fn the_advice_about_a_conflict_can_be_followed() {
        let foreign = namespace(Some("globex"), Some("u2"));
        let new = tenant(false, None);
        let message = conflict(&foreign, &new).unwrap();
        assert!(message.ends_with("name another one for this tenant in spec.namespace.name"), "{message}");
        let mut named = new.clone();
        named.spec.namespace.get_or_insert_default().name = Some("t-acme".into());
        let mut set_up = new;
        set_up.status.get_or_insert_default().namespace = Some("t-acme".into());
        for tenant in [&named, &set_up] {
            let message = conflict(&foreign, tenant).unwrap();
            assert!(
                message.contains(
                    "`kubectl annotate sten acme --overwrite smbcopilot.dev/confirm-delete=acme` and `kubectl delete sten acme`"
                ),
                "{message}"
            );
        }
        let message = conflict(&namespace(None, None), &set_up).unwrap();
        assert!(
            message.contains("kubectl annotate namespace t-acme --overwrite smbcopilot.dev/tenant-uid=u1"),
            "{message}"
        );
    }

    /// Two tenants never share a namespace, even if one requests to adopt or to restore it.
    #[test]
    fn the_namespace_of_another_tenant_is_never_adopted() {
        let message = conflict(&namespace(Some("globex"), Some("u2")), &tenant(true, Some("u2"))).unwrap();
        assert!(message.contains("belongs to tenant globex"), "{message}");
    }
}
