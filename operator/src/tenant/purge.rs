//! When the data of an archived tenant is purged. Pure.

use std::time::Duration;

use crds::{
    Tenant, TenantSpec, TenantStatus, conditions,
    tenant::{DeletionPolicy, TenantState},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Decision about the purge of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purge {
    /// Nothing is purged unless the tenant changes.
    Never,
    /// The purge is due after this time.
    In(Duration),
    /// The purge is due.
    Due,
}

/// Returns whether a tenant is purged now: it is archived, its spec says that its data is deleted, its retention has ended, its
/// data has been exported since it was archived, and the api-server has counted the retention, too.
pub(super) fn decide(tenant: &Tenant, now: Timestamp) -> Purge {
    let status = tenant.status.clone().unwrap_or_default();
    let Some(due) = due(&tenant.spec, &status) else { return Purge::Never };
    match Duration::try_from(due.duration_since(now)) {
        Ok(left) if !left.is_zero() => Purge::In(left),
        _ if missing_condition(&status, &status).is_none() => Purge::Due,
        // A condition is a change of the tenant, which requests a reconcile.
        _ => Purge::Never,
    }
}

/// Returns the part of a message that says when the tenant is purged, or what the purge waits for. `status` is the new status,
/// which contains the operator's conditions only.
pub(super) fn description(tenant: &Tenant, status: &TenantStatus, now: Timestamp) -> String {
    let stored = tenant.status.clone().unwrap_or_default();
    let Some(due) = due(&tenant.spec, status) else { return String::new() };
    match missing_condition(&stored, status) {
        _ if due > now => format!("; the Tenant is deleted with its data after {due:.0}"),
        None => "; the Tenant is deleted with its data now".to_owned(),
        Some(condition) => {
            format!("; the Tenant is deleted with its data when the condition {condition} is true")
        }
    }
}

/// Returns the time from which the tenant is purged, if it is.
fn due(spec: &TenantSpec, status: &TenantStatus) -> Option<Timestamp> {
    let is_purged =
        spec.state == Some(TenantState::Archived) && spec.deletion_policy == Some(DeletionPolicy::Delete);
    status.purge_after.as_ref().filter(|_| is_purged && status.archived_at.is_some()).map(|due| due.0)
}

/// Returns the condition of the api-server that the purge still waits for. `stored` has its conditions and its export, and
/// `status` the time of the archiving: the export of an earlier one does not count.
fn missing_condition(stored: &TenantStatus, status: &TenantStatus) -> Option<&'static str> {
    let seconds = |time: &Time| time.0.as_second();
    let exported = stored.export.as_ref().map(|export| seconds(&export.archived_at));
    let is_current = exported.is_some() && exported == status.archived_at.as_ref().map(seconds);
    if !is_current || !conditions::is_true(&stored.conditions, conditions::EXPORTED) {
        return Some(conditions::EXPORTED);
    }
    (!conditions::is_true(&stored.conditions, conditions::PURGEABLE)).then_some(conditions::PURGEABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an archived tenant that has these conditions, and the export of an archiving.
    fn tenant(spec: &str, conditions: &[&str], export_of: Option<i64>) -> Tenant {
        let at = |second| Timestamp::from_second(second).unwrap();
        let conditions = conditions.iter().map(|kind| {
            format!(
                "{{type: {kind}, status: 'True', reason: Any, message: '', lastTransitionTime: '{}'}}",
                at(100)
            )
        });
        let export = export_of.map(|of| format!(", export: {{location: any, archivedAt: '{}'}}", at(of)));
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {{name: acme}}, \
             spec: {{planRef: {{name: starter}}, {spec}}}, \
             status: {{archivedAt: '{}', purgeAfter: '{}', conditions: [{}]{}}}}}",
            at(100),
            at(200),
            conditions.collect::<Vec<_>>().join(", "),
            export.unwrap_or_default()
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn decided(tenant: &Tenant, second: i64) -> Purge {
        decide(tenant, Timestamp::from_second(second).unwrap())
    }

    const PURGED: &str = "state: Archived, deletionPolicy: Delete";
    const BOTH: [&str; 2] = ["Exported", "Purgeable"];

    /// An archived tenant is purged after its retention, and only if the api-server says that it has exported the data of this
    /// archiving and that the retention has ended.
    #[test]
    fn a_tenant_is_purged_after_its_retention_and_its_export() {
        let purged = tenant(PURGED, &BOTH, Some(100));
        assert_eq!(decided(&purged, 190), Purge::In(Duration::from_secs(10)));
        assert_eq!(decided(&purged, 200), Purge::Due);
        for (conditions, export_of) in [
            (&[][..], None),
            (&BOTH, None),
            (&BOTH, Some(99)),
            (&["Exported"], Some(100)),
            (&["Purgeable"], Some(100)),
        ] {
            let decision = decided(&tenant(PURGED, conditions, export_of), 200);
            assert_eq!(decision, Purge::Never, "{conditions:?} {export_of:?}");
        }
    }

    /// Nothing is purged unless the spec says Archived and Delete, whatever the status says.
    #[test]
    fn nothing_is_purged_without_the_word_of_the_spec() {
        for spec in ["state: Archived", "deletionPolicy: Delete", "state: Suspended, deletionPolicy: Delete"]
        {
            assert_eq!(decided(&tenant(spec, &BOTH, Some(100)), 1_000), Purge::Never, "{spec}");
        }
    }

    /// The message of an archived tenant says when its data is deleted, or what the deletion waits for.
    #[test]
    fn the_message_says_when_the_data_is_deleted() {
        let described = |tenant: &Tenant, second| {
            let status = tenant.status.as_ref().unwrap();
            description(tenant, status, Timestamp::from_second(second).unwrap())
        };
        assert!(described(&tenant(PURGED, &[], None), 150).ends_with("after 1970-01-01T00:03:20Z"));
        let waits = |conditions: &[&str]| described(&tenant(PURGED, conditions, Some(100)), 200);
        assert!(waits(&[]).ends_with("when the condition Exported is true"));
        assert!(waits(&["Exported"]).ends_with("when the condition Purgeable is true"));
        assert!(waits(&BOTH).ends_with("now"));
        assert_eq!(described(&tenant("state: Archived", &BOTH, None), 150), "");
    }
}
