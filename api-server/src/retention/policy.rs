//! Retention policies: how long each tenant's plan retains runs, logs and events.

use crds::plan::PlanRetention;
use jiff::SignedDuration;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use crate::db::MirrorPool;

/// Retention periods of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RetentionPolicy {
    /// Retention of the records of finished runs, counted from their end.
    pub(super) runs: SignedDuration,
    /// Retention of logs, counted from their last line.
    pub(super) logs: SignedDuration,
    /// Retention of events.
    pub(super) events: SignedDuration,
    /// Minimum age of stored outputs that no run refers to.
    pub(super) outputs: SignedDuration,
}

/// Tenant with its retention policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RetainedTenant {
    /// ID of the tenant.
    pub(super) id: Uuid,
    /// Slug of the tenant.
    pub(super) slug: String,
    /// Policy of its data.
    pub(super) policy: RetentionPolicy,
    /// Whether the tenant was deleted together with its data.
    pub(super) is_purged: bool,
}

const HOURS_PER_DAY: i64 = 24;
const DEFAULT: RetentionPolicy = RetentionPolicy {
    runs: SignedDuration::from_hours(90 * HOURS_PER_DAY),
    logs: SignedDuration::from_hours(30 * HOURS_PER_DAY),
    events: SignedDuration::from_hours(7 * HOURS_PER_DAY),
    // A run whose object is not mirrored yet may refer to a younger one.
    outputs: SignedDuration::from_hours(HOURS_PER_DAY),
};

/// Returns all tenants with their policies. Returns none while the cluster is not accepted: nothing is deleted as long as it is
/// unknown which cluster the rows belong to.
///
/// A tenant was deleted together with its data if the api-server itself has approved and completed the deletion of its data
/// before: what the operator says in the status does not count.
pub(super) async fn tenants(pool: &MirrorPool) -> Result<Vec<RetainedTenant>, Error> {
    let rows = sqlx::query!(
        r#"select t.id, t.slug, p.spec as "spec?",
             t.deleted_at is not null and exists (
               select from tenant_deletions d where d.tenant_id = t.id and d.uid = t.uid and d.completed_at is not null
             ) as "is_purged!"
           from tenants t left join plans p on p.name = t.plan_name
           where not exists (select from mirror_cluster where halted is not null) order by t.id"#
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("read the retention policies"))?;
    Ok(rows
        .into_iter()
        .map(|row| RetainedTenant {
            id: row.id,
            slug: row.slug,
            policy: RetentionPolicy::from_plan(row.spec.as_ref()),
            is_purged: row.is_purged,
        })
        .collect())
}

impl RetentionPolicy {
    /// Reads the policy from a plan's spec. A period that is missing or invalid has its default.
    fn from_plan(plan: Option<&Value>) -> Self {
        let retention = plan.and_then(|spec| spec.get("retention")).cloned();
        let retention: PlanRetention =
            retention.and_then(|retention| serde_json::from_value(retention).ok()).unwrap_or_default();
        let period = |period: Option<crds::Duration>, default: SignedDuration| {
            period.and_then(|period| SignedDuration::try_from(period.to_std().ok()?).ok()).unwrap_or(default)
        };
        Self {
            runs: period(retention.runs, DEFAULT.runs),
            logs: period(retention.logs, DEFAULT.logs),
            events: period(retention.events, DEFAULT.events),
            outputs: DEFAULT.outputs,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run history is retained for the default period if the plan is missing or sets no valid period.
    #[test]
    fn missing_and_invalid_periods_have_their_defaults() {
        assert_eq!(RetentionPolicy::from_plan(None), DEFAULT);
        assert_eq!(RetentionPolicy::from_plan(Some(&json!({"retention": {"runs": "soon"}}))), DEFAULT);
        let policy = RetentionPolicy::from_plan(Some(&json!({"retention": {"logs": "1h", "runs": "2d"}})));
        let expected = RetentionPolicy {
            logs: SignedDuration::from_hours(1),
            runs: SignedDuration::from_hours(48),
            ..DEFAULT
        };
        assert_eq!(policy, expected);
    }
}
