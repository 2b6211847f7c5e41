//! The Plan kind: what tenants may use. Cluster-scoped, short name `splan`.

mod network;
mod spec;
mod status;

pub use network::{EgressEntry, PlanNetwork};
pub use spec::{
    BillingInterval, NamespaceQuota, Plan, PlanLimits, PlanRetention, PlanRunners, PlanSpec, PlanVectors,
    Price, ResourceAmounts, VectorPlacement,
};
pub use status::PlanStatus;
