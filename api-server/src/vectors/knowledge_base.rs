//! Where the points of a tenant are.

use crds::{plan::VectorPlacement, tenant::TenantVectors};
use domain::vectors;
use uuid::Uuid;

use super::PointFilter;

/// Place of the points of one tenant: a collection, and the tenant's part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeBase {
    collection: String,
    tenant_uid: String,
    is_shared: bool,
    dimensions: u64,
}

impl KnowledgeBase {
    /// Returns the knowledge base of a tenant as the operator reports it; `None` while it has not chosen a collection, or if this version
    /// does not know the embedding model. `tenant_uid` is the UID of the Tenant, by which the operator deletes points.
    ///
    /// The physical name of the collection is used and not its alias: the alias of a deleted tenant moves to a later one of the same name.
    #[must_use]
    pub fn new(tenant_uid: Uuid, reported: TenantVectors) -> Option<Self> {
        let TenantVectors { placement, model, collection, alias: _ } = reported;
        let model = vectors::model(&model?)?;
        Some(Self {
            collection: collection?,
            tenant_uid: tenant_uid.to_string(),
            is_shared: placement != Some(VectorPlacement::Dedicated),
            dimensions: model.dimensions,
        })
    }

    /// Returns the name of the collection.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// Returns the value of the payload field of the tenant.
    pub(super) fn tenant_uid(&self) -> &str {
        &self.tenant_uid
    }

    /// Returns whether other tenants have points in the collection.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Returns the number of dimensions of its dense vectors.
    #[must_use]
    pub fn dimensions(&self) -> u64 {
        self.dimensions
    }

    /// Returns the filter that selects all points of the tenant.
    #[must_use]
    pub fn points(&self) -> PointFilter<'_> {
        PointFilter::of_tenant(self)
    }

    /// Returns the filter that selects the points of a document.
    #[must_use]
    pub fn points_of(&self, document: Uuid) -> PointFilter<'_> {
        self.points().documents(&[document])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(model: &str, collection: Option<&str>) -> TenantVectors {
        TenantVectors {
            placement: Some(VectorPlacement::Shared),
            model: Some(model.to_owned()),
            collection: collection.map(str::to_owned),
            alias: None,
        }
    }

    /// A tenant has a knowledge base once the operator has chosen its collection, for a model that is known.
    #[test]
    fn a_knowledge_base_is_what_the_operator_reports() {
        let uid = Uuid::from_u128(1);
        let base = KnowledgeBase::new(uid, reported("minilm", Some("kb-minilm-v1"))).unwrap();
        assert_eq!((base.collection(), base.dimensions(), base.is_shared()), ("kb-minilm-v1", 384, true));
        assert_eq!(KnowledgeBase::new(uid, reported("minilm", None)), None);
        assert_eq!(KnowledgeBase::new(uid, reported("other", Some("kb-other-v1"))), None);
        assert_eq!(KnowledgeBase::new(uid, TenantVectors::default()), None);
    }
}
