//! The collection that a tenant's vectors belong in.

use crds::{names::digest, plan::VectorPlacement};

use super::Model;

/// Name of the dense vector of each point: the embedding of a chunk.
pub const DENSE_VECTOR: &str = "dense";
/// Name of the sparse vector of each point: the weights of the words of a chunk (BM25).
pub const SPARSE_VECTOR: &str = "bm25";
/// Payload field with the UID of the Tenant that a point belongs to. Each query filters by it.
pub const TENANT_FIELD: &str = "tenant";

/// Maximum number of results of a query in a dedicated collection. The api-server requests at most 100, and four times as
/// many candidates of each kind of vector.
const MAX_QUERY_LIMIT: u32 = 1_000;
/// Maximum number of points of one write to a dedicated collection; 1,000 points with their payload are about 4 MiB.
const MAX_UPSERT_POINTS: u64 = 1_000;
/// Number of points that no collection has. A limit can be changed, but not removed.
pub const UNLIMITED_POINTS: u64 = i64::MAX.unsigned_abs();
/// Number of hex digits of a UID in the name of a collection.
const UID_DIGITS: usize = 20;

/// Who a collection belongs to, as its metadata says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Id of the installation: the UID of the namespace `kube-system` of its cluster.
    pub installation: String,
    /// UID of the Tenant that a dedicated collection belongs to. `None` for a shared collection.
    pub tenant: Option<String>,
}

/// The dense vector of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// Number of dimensions.
    pub dimensions: u64,
    /// Whether vectors are compared by their cosine.
    pub cosine: bool,
}

/// Parameters of the HNSW graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hnsw {
    /// Number of edges per node of the graph of all points.
    pub m: u64,
    /// Number of edges per node of the graph of each tenant's points.
    pub payload_m: u64,
}

/// Limits that a collection sets for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrictMode {
    /// Maximum number of results.
    pub max_query_limit: u32,
    /// Maximum number of points in one write.
    pub max_upsert_points: u64,
    /// Maximum number of points.
    pub max_points: u64,
}

/// A collection as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Physical name.
    pub name: String,
    /// Owner, which is written when the collection is created and never changed.
    pub owner: Owner,
    /// The vector [`DENSE_VECTOR`].
    pub dense: Dense,
    /// Parameters of the HNSW graph.
    pub hnsw: Hnsw,
    /// Limits, which only a dedicated collection has: those of a shared one would concern all tenants.
    pub strict_mode: Option<StrictMode>,
}

impl Collection {
    /// Returns the collection that all tenants with this model share. Its graph has no edges between the points of
    /// different tenants.
    #[must_use]
    pub fn shared(model: Model, installation: &str) -> Self {
        Self {
            name: format!("kb-{}-v{}", model.name, model.generation),
            owner: Owner { installation: installation.to_owned(), tenant: None },
            dense: dense(model),
            hnsw: Hnsw { m: 0, payload_m: 16 },
            strict_mode: None,
        }
    }

    /// Returns the collection of one tenant. `max_points` is the plan's limit of chunks.
    #[must_use]
    pub fn dedicated(model: Model, installation: &str, tenant_uid: &str, max_points: Option<u64>) -> Self {
        let uid = digest(&["vectors", tenant_uid], UID_DIGITS);
        Self {
            name: format!("t-{uid}-{}-v{}", model.name, model.generation),
            owner: Owner { installation: installation.to_owned(), tenant: Some(tenant_uid.to_owned()) },
            hnsw: Hnsw { m: 16, payload_m: 16 },
            dense: dense(model),
            strict_mode: Some(StrictMode {
                max_query_limit: MAX_QUERY_LIMIT,
                max_upsert_points: MAX_UPSERT_POINTS,
                max_points: max_points.unwrap_or(UNLIMITED_POINTS),
            }),
        }
    }

    /// Returns the placement that the collection is for.
    #[must_use]
    pub fn placement(&self) -> VectorPlacement {
        if self.owner.tenant.is_some() { VectorPlacement::Dedicated } else { VectorPlacement::Shared }
    }
}

/// Returns the alias of a tenant's collection: `t-<slug>`.
#[must_use]
pub fn alias_of(slug: &str) -> String {
    format!("t-{slug}")
}

fn dense(model: Model) -> Dense {
    Dense { dimensions: model.dimensions, cosine: true }
}
