//! Sets the condition `Mirrored` on tenants: whether the current generation is stored in the database, or why
//! it is not.

use std::time::Duration;

use crds::conditions::{ConditionUpdate, FALSE, MIRRORED, TRUE};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{
    PAGE_SIZE, PendingUpdate, StatusPatch,
    condition::{self, ObservedObject},
};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// Maximum number of characters of the condition's message; the cause is at the beginning.
const MAX_MESSAGE_CHARS: usize = 1024;

/// A tenant that is stored and lacks the condition, or one that is quarantined.
pub(super) struct TenantMirrored {
    uid: Uuid,
    name: String,
    resource_version: i64,
    generation: Option<i64>,
    status: Option<Value>,
    /// Reason why it is quarantined.
    reason: Option<String>,
    problem: Option<String>,
}

impl PendingUpdate for TenantMirrored {
    const ACTION: &'static str = "mark a tenant as mirrored";
    const INTERVAL: Duration = Duration::from_secs(30);

    async fn due(pool: &MirrorPool, after: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as!(
            Self,
            r#"select uid as "uid!", name as "name!", resource_version as "resource_version!",
                      generation, status, reason, problem
               from (
                 select uid, slug as name, resource_version, generation, status, null as reason, null as problem
                 from tenants t
                 where deleted_at is null and mirrored_generation is distinct from generation
                   and not exists (select from mirror_quarantine q where q.kind = 'TENANT' and q.uid = t.uid)
                 union all
                 select uid, name, resource_version, (without_nul(object) #>> '{metadata,generation}')::bigint,
                        without_nul(object) -> 'status', reason, problem
                 from mirror_quarantine where kind = 'TENANT'
               ) as due
               where uid > $1 order by uid limit $2"#,
            after,
            PAGE_SIZE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find tenants without the condition Mirrored"))
    }

    fn id(&self) -> Uuid {
        self.uid
    }

    async fn patch(self, _: &compute::Pool, now: Timestamp) -> Option<StatusPatch> {
        self.status_patch(now)
    }
}

impl TenantMirrored {
    fn status_patch(&self, now: Timestamp) -> Option<StatusPatch> {
        let Self { uid: _, name, resource_version, generation, status, reason, problem } = self;
        let conditions = status.as_ref().and_then(|status| status.get("conditions")?.as_array());
        let own = conditions.into_iter().flatten().find(|condition| condition["type"] == MIRRORED);
        let observed = ObservedObject {
            kind: Kind::Tenant,
            namespace: None,
            name,
            resource_version: *resource_version,
            condition: own.and_then(|own| serde_json::from_value(own.clone()).ok()),
        };
        let (status, reason, message) = match reason.as_deref() {
            None => (TRUE, "Stored", "The tenant is stored in the database."),
            Some("REFUSED") => (FALSE, "Refused", problem.as_deref().unwrap_or_default()),
            Some(_) => (FALSE, "Malformed", problem.as_deref().unwrap_or_default()),
        };
        let message = message.chars().take(MAX_MESSAGE_CHARS).collect();
        let mirrored = ConditionUpdate { kind: MIRRORED, status, reason, message, generation: *generation };
        condition::patch(observed, mirrored, now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::testing::store,
        project::testing::{Fixture, tenant, uid},
    };

    const NOW: &str = "2026-11-26T08:00:00Z";

    /// Returns the conditions that tenants would get, with the UIDs of the tenants.
    async fn due_conditions(owner: &PgPool) -> Vec<(Uuid, Value)> {
        let due = TenantMirrored::due(&mirror_pool(owner).await, Uuid::nil()).await.unwrap();
        let condition = |row: &TenantMirrored| match row.status_patch(NOW.parse().unwrap())?.patch {
            kube::api::Patch::Apply(object) => Some((row.uid, object["status"]["conditions"][0].clone())),
            _ => None,
        };
        due.iter().filter_map(condition).collect()
    }

    fn with_condition(tenant: Fixture, generation: i64, condition: &Value) -> Fixture {
        tenant.generation(generation).status(json!({"conditions": [condition]}))
    }

    /// A stored tenant gets the condition once per generation, and its object is not written again after that.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_stored_tenant_gets_the_condition_once_per_generation(owner: PgPool) {
        store(&owner, [tenant("acme").version(4).build()]).await;
        let first = due_conditions(&owner).await;
        let condition = json!({"type": "Mirrored", "status": "True", "reason": "Stored", "observedGeneration": 1,
                               "message": "The tenant is stored in the database.", "lastTransitionTime": NOW});
        assert_eq!(first, [(uid("acme"), condition.clone())]);
        store(&owner, [with_condition(tenant("acme").version(5), 1, &condition).build()]).await;
        assert_eq!(due_conditions(&owner).await, []);
        let mut earlier = condition;
        earlier["lastTransitionTime"] = json!("2026-11-24T08:00:00Z");
        store(&owner, [with_condition(tenant("acme").version(6), 2, &earlier).build()]).await;
        let second = due_conditions(&owner).await;
        assert_eq!(second[0].1["observedGeneration"], 2);
        assert_eq!(
            second[0].1["lastTransitionTime"], "2026-11-24T08:00:00Z",
            "the condition has been true since then"
        );
    }

    /// A tenant whose object has a NUL keeps no other tenant from its condition.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_nul_of_one_tenant_stops_no_other(owner: PgPool) {
        let bad = tenant("acme").version(5).generation(2).spec("planRef", json!("\0\\u0000\0"));
        let bad = with_condition(bad, 2, &json!({"message": "\0"})).build();
        store(&owner, [tenant("globex").version(4).build(), bad]).await;
        let reasons: std::collections::HashMap<_, _> = due_conditions(&owner)
            .await
            .into_iter()
            .map(|(tenant, condition)| {
                (tenant, (condition["reason"].clone(), condition["observedGeneration"].clone()))
            })
            .collect();
        let expected =
            [(uid("acme"), (json!("Malformed"), json!(2))), (uid("globex"), (json!("Stored"), json!(1)))];
        assert_eq!(reasons, expected.into());
    }

    /// A tenant whose change cannot be projected has the reason in its condition until it can.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_quarantined_tenant_has_the_reason_in_its_condition(owner: PgPool) {
        let bad = tenant("acme").version(5).generation(2).spec("planRef", json!("starter"));
        store(&owner, [tenant("acme").version(4).build(), bad.clone().build()]).await;
        let due = due_conditions(&owner).await;
        let (tenant_uid, condition) = &due[0];
        assert_eq!((tenant_uid, due.len()), (&uid("acme"), 1));
        assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("Malformed")));
        assert_eq!(condition["observedGeneration"], 2);
        assert!(condition["message"].as_str().unwrap().contains("PlanRef"), "{condition}");
        store(&owner, [with_condition(bad.version(6), 2, condition).build()]).await;
        assert_eq!(due_conditions(&owner).await, []);
        store(&owner, [with_condition(tenant("acme").version(7), 3, condition).build()]).await;
        assert_eq!(due_conditions(&owner).await[0].1["status"], "True");
    }
}
