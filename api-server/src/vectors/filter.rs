//! Filters of requests, which always name the tenant.

use domain::vectors::TENANT_FIELD;
use qdrant_client::qdrant::{Condition, Filter, Range};
use uuid::Uuid;

use super::KnowledgeBase;

// Payload fields besides that of the tenant.
pub(super) const DOCUMENT: &str = "document";
pub(super) const VERSION: &str = "version";
pub(super) const ORDINAL: &str = "ordinal";
pub(super) const TAGS: &str = "tags";
pub(super) const MIME_TYPE: &str = "mimeType";
pub(super) const METADATA: &str = "metadata";

/// Selection of points of one tenant. Each method selects fewer of them, and none removes the tenant.
#[derive(Clone, Debug)]
pub struct PointFilter<'a> {
    base: &'a KnowledgeBase,
    filter: Filter,
}

impl<'a> PointFilter<'a> {
    pub(super) fn of_tenant(base: &'a KnowledgeBase) -> Self {
        Self { base, filter: Filter::must([of_tenant(base)]) }
    }

    /// Selects the points of these documents; of all documents if there are none.
    #[must_use]
    pub fn documents(self, documents: &[Uuid]) -> Self {
        self.any_of(DOCUMENT, documents.iter().map(Uuid::to_string).collect())
    }

    /// Selects the points of documents with at least one of these tags; of all documents if there are none.
    #[must_use]
    pub fn tags(self, tags: &[String]) -> Self {
        self.any_of(TAGS, tags.to_vec())
    }

    /// Selects the points of documents with one of these media types; of all documents if there are none.
    #[must_use]
    pub fn mime_types(self, mime_types: &[String]) -> Self {
        self.any_of(MIME_TYPE, mime_types.to_vec())
    }

    /// Selects the points that do not belong to the first `chunks` chunks of a content: those of other contents, and those of chunks that
    /// the content had when it was divided in another way.
    #[must_use]
    pub fn except(mut self, version: i32, chunks: i32) -> Self {
        let first = Range { lt: Some(f64::from(chunks)), ..Range::default() };
        let current = [Condition::matches(VERSION, i64::from(version)), Condition::range(ORDINAL, first)];
        self.filter.must_not.push(Filter::must(current).into());
        self
    }

    /// Selects the points of contents before this one.
    #[must_use]
    pub fn before(mut self, version: i32) -> Self {
        let before = Range { lt: Some(f64::from(version)), ..Range::default() };
        self.filter.must.push(Condition::range(VERSION, before));
        self
    }

    fn any_of(mut self, field: &str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.filter.must.push(Condition::matches(field, values));
        }
        self
    }

    /// Returns the knowledge base of the points.
    pub(super) fn base(&self) -> &'a KnowledgeBase {
        self.base
    }

    /// Returns the filter as Qdrant reads it.
    pub(super) fn to_qdrant(&self) -> Filter {
        self.filter.clone()
    }
}

fn of_tenant(base: &KnowledgeBase) -> Condition {
    Condition::matches(TENANT_FIELD, base.tenant_uid().to_owned())
}
