//! Tenant: a business on the platform. Cluster-scoped; short name `sten`; its name is the slug.

mod spec;
mod status;

pub use spec::{
    Access, AccessKind, AccessRole, DeletionPolicy, OnSuspend, PlanRef, Tenant, TenantNamespace,
    TenantNetwork, TenantRetention, TenantSpec, TenantState,
};
pub use status::{PlanSeen, QuotaStatus, RunsToday, TenantPhase, TenantRuns, TenantStatus, VectorsStatus};
