//! The Tenant kind: a business. Cluster-scoped, short name `sten`; the object's name is the tenant's slug.

mod spec;
mod status;

pub use spec::{
    Access, AccessKind, AccessRole, DeletionPolicy, OnSuspend, PlanRef, Tenant, TenantNamespace,
    TenantNetwork, TenantRetention, TenantSpec, TenantState,
};
pub use status::{
    AppliedPlan, DELETING_DATA, DailyRuns, DataDeletion, QuotaStatus, TenantExport, TenantPhase, TenantRuns,
    TenantStatus, TenantVectors,
};
