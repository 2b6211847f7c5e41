//! The vector storage that a tenant should have. Pure.

use crds::{Plan, Tenant, plan::VectorPlacement, tenant::TenantVectors};
use domain::vectors::{self, Collection, Mismatch};
use kube::ResourceExt as _;

/// The vector storage that a tenant should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desired {
    pub(super) collection: Collection,
    /// Alias of a dedicated collection.
    pub(super) alias: Option<String>,
    /// Name of the embedding model.
    pub(super) model: &'static str,
}

/// Reason for which the plan cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such model.
    UnknownModel(String),
    /// The tenant has vectors elsewhere, and they are not moved.
    Moved(Vec<Mismatch>),
}

impl Desired {
    /// Returns the names for the tenant's status.
    pub(super) fn names(&self) -> TenantVectors {
        TenantVectors {
            placement: Some(self.collection.placement()),
            model: Some(self.model.to_owned()),
            collection: Some(self.collection.name.clone()),
            alias: self.alias.clone(),
        }
    }
}

/// Returns the vector storage that a tenant should have.
///
/// # Errors
/// Returns a reason if the plan names an unknown model, or if the tenant's vectors would have to be moved.
pub(super) fn desired(tenant: &Tenant, plan: &Plan, installation: &str) -> Result<Desired, Refusal> {
    let spec = plan.spec.vectors.clone().unwrap_or_default();
    let name = spec.model.unwrap_or_else(|| vectors::DEFAULT_MODEL.to_owned());
    let model = vectors::model(&name).ok_or(Refusal::UnknownModel(name))?;
    let max_points = plan.spec.limits.as_ref().and_then(|limits| limits.chunks).map(u64::from);
    let (collection, alias) = match spec.placement.unwrap_or(VectorPlacement::Shared) {
        VectorPlacement::Shared => (Collection::shared(model, installation), None),
        VectorPlacement::Dedicated => {
            let uid = tenant.uid().unwrap_or_default();
            let alias = vectors::alias_of(&tenant.name_any());
            (Collection::dedicated(model, installation, &uid, max_points), Some(alias))
        }
    };
    let desired = Desired { collection, alias, model: model.name };
    let saved = tenant.status.as_ref().and_then(|status| status.vectors.as_ref());
    let moved = saved.map(|saved| changes(saved, &desired.names())).unwrap_or_default();
    if moved.is_empty() { Ok(desired) } else { Err(Refusal::Moved(moved)) }
}

/// Returns what a change of the plan would move.
fn changes(saved: &TenantVectors, desired: &TenantVectors) -> Vec<Mismatch> {
    let placement = |vectors: &TenantVectors| vectors.placement.map(|placement| placement.to_string());
    let properties = [
        ("placement", placement(desired), placement(saved)),
        ("model", desired.model.clone(), saved.model.clone()),
        ("collection", desired.collection.clone(), saved.collection.clone()),
    ];
    let differing = properties.into_iter().filter(|(_, desired, saved)| saved.is_some() && desired != saved);
    differing
        .map(|(property, desired, found)| Mismatch {
            property,
            desired: desired.unwrap_or_default(),
            found: found.unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(saved: Option<TenantVectors>) -> Tenant {
        let mut tenant = Tenant::new("acme", Default::default());
        tenant.metadata.uid = Some("uid-acme".to_owned());
        tenant.status = Some(crds::TenantStatus { vectors: saved, ..Default::default() });
        tenant
    }

    fn plan(spec: &str) -> Plan {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Plan, metadata: {{name: starter}}, spec: {spec}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    /// Without a word about vectors in the plan, tenants share the collection of the default model.
    #[test]
    fn a_plan_without_vectors_shares_the_default_collection() {
        let desired = desired(&tenant(None), &plan("{}"), "cluster-1").unwrap();
        assert_eq!(desired.collection.name, "kb-minilm-v1");
        assert_eq!(desired.alias, None);
    }

    /// A dedicated collection takes the plan's limit of chunks, and has the tenant's alias.
    #[test]
    fn a_dedicated_collection_has_the_limits_of_the_plan() {
        let plan = plan("{vectors: {placement: Dedicated}, limits: {chunks: 500}}");
        let desired = desired(&tenant(None), &plan, "cluster-1").unwrap();
        assert_eq!(desired.alias.as_deref(), Some("t-acme"));
        assert_eq!(desired.collection.strict_mode.unwrap().max_points, 500);
    }

    /// A changed plan moves no vectors: the change is reported with both values.
    #[test]
    fn a_changed_placement_is_reported_with_both_values() {
        let saved = desired(&tenant(None), &plan("{}"), "cluster-1").unwrap().names();
        let changed = plan("{vectors: {placement: Dedicated}}");
        let Err(Refusal::Moved(found)) = desired(&tenant(Some(saved)), &changed, "cluster-1") else {
            panic!("the vectors are moved")
        };
        assert_eq!(
            (found[0].property, found[0].desired.as_str(), found[0].found.as_str()),
            ("placement", "Dedicated", "Shared")
        );
    }

    /// An unknown model is refused.
    #[test]
    fn an_unknown_model_is_refused() {
        let refused = desired(&tenant(None), &plan("{vectors: {model: e5}}"), "cluster-1");
        assert_eq!(refused, Err(Refusal::UnknownModel("e5".to_owned())));
    }
}
