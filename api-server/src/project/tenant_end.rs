//! Projects what the object of a tenant says about its archiving and deletion.

use crds::{
    Tenant, conditions,
    tenant::{DELETING_DATA, TenantState},
};

use super::TenantEnd;

pub(super) fn project(tenant: &Tenant) -> TenantEnd {
    let Some(status) = &tenant.status else { return TenantEnd::default() };
    let condition = |kind| conditions::get(&status.conditions, kind);
    let is_archived = tenant.spec.state == Some(TenantState::Archived);
    let is_exported = conditions::is_true(&status.conditions, conditions::EXPORTED);
    let is_deleted = conditions::is_true(&status.conditions, conditions::DATA_DELETED);
    let deletes_data =
        condition(conditions::RECONCILING).is_some_and(|reconciling| reconciling.reason == DELETING_DATA);
    TenantEnd {
        archived_at: status.archived_at.as_ref().filter(|_| is_archived).map(|at| at.0.into()),
        export_of: status.export.as_ref().filter(|_| is_exported).map(|export| export.archived_at.0.into()),
        purgeable: conditions::is_true(&status.conditions, conditions::PURGEABLE),
        reports_archiving: status.export.is_some()
            || [conditions::EXPORTED, conditions::PURGEABLE].iter().any(|kind| condition(kind).is_some()),
        awaits_data_deletion: tenant.metadata.deletion_timestamp.is_some() && deletes_data && !is_deleted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projected(metadata: &str, state: &str, status: &str) -> TenantEnd {
        let text = format!(
            "{{metadata: {{name: acme, {metadata}}}, spec: {{planRef: {{name: starter}}, state: {state}}}, status: {{{status}}}}}"
        );
        project(&serde_yaml::from_str(&text).unwrap())
    }

    fn condition(kind: &str, status: &str, reason: &str) -> String {
        format!(
            "{{type: {kind}, status: '{status}', reason: {reason}, message: '', lastTransitionTime: '2026-11-24T08:00:00Z'}}"
        )
    }

    /// A tenant is archived only if its spec and its status say so: the operator writes the status alone.
    #[test]
    fn a_tenant_is_archived_if_spec_and_status_say_so() {
        let archived = "archivedAt: '2026-11-24T08:00:00Z'";
        assert!(projected("", "Archived", archived).archived_at.is_some());
        assert_eq!(projected("", "Active", archived).archived_at, None);
        assert_eq!(projected("", "Archived", "").archived_at, None);
    }

    /// The data of a tenant is to be deleted only while the tenant is being deleted and the operator waits for it.
    #[test]
    fn the_deletion_of_data_begins_when_the_operator_waits_for_it() {
        let deleted = "deletionTimestamp: '2026-11-24T09:00:00Z'";
        let waits = format!("conditions: [{}]", condition("Reconciling", "True", "DeletingData"));
        assert!(projected(deleted, "Active", &waits).awaits_data_deletion);
        assert!(!projected("", "Active", &waits).awaits_data_deletion);
        let done = format!(
            "conditions: [{}, {}]",
            condition("Reconciling", "True", "DeletingData"),
            condition("DataDeleted", "True", "Deleted")
        );
        assert!(!projected(deleted, "Active", &done).awaits_data_deletion);
    }
}
