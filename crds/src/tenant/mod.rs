//! Tenant: a business. Cluster-scoped; its name is the slug. Short name `sten`.

mod spec;
mod status;

pub use spec::{
    Access, AccessKind, AccessRole, DeletionPolicy, OnSuspend, PlanRef, Tenant, TenantNamespace,
    TenantNetwork, TenantRetention, TenantSpec, TenantState,
};
pub use status::{AppliedPlan, DailyRuns, QuotaStatus, TenantPhase, TenantRuns, TenantStatus, TenantVectors};
