//! Tenants have the condition `Mirrored`: whether what their objects say is in the database, or why it is not.

use std::time::Duration;

use crds::conditions::{ConditionUpdate, FALSE, MIRRORED, TRUE};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{
    PAGE, Row, Write,
    condition::{self, Seen},
};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// Characters of a message; the beginning tells what is wrong.
const MESSAGE: usize = 1024;

/// A tenant that is stored and does not say so, or one that is put aside.
pub(super) struct Mirrored {
    uid: Uuid,
    name: String,
    resource_version: i64,
    generation: Option<i64>,
    status: Option<Value>,
    /// Why it is put aside.
    reason: Option<String>,
    problem: Option<String>,
}

impl Row for Mirrored {
    const ACTION: &'static str = "mark a tenant as mirrored";
    const SWEEP: Duration = Duration::from_secs(30);

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
                 select uid, name, resource_version, (object #>> '{metadata,generation}')::bigint, object -> 'status',
                        reason, problem
                 from mirror_quarantine where kind = 'TENANT'
               ) as due
               where uid > $1 order by uid limit $2"#,
            after,
            PAGE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find tenants that are not marked"))
    }

    fn id(&self) -> Uuid {
        self.uid
    }

    fn write(&self, now: Timestamp) -> Option<Write> {
        let Self { uid: _, name, resource_version, generation, status, reason, problem } = self;
        let conditions = status.as_ref().and_then(|status| status.get("conditions")?.as_array());
        let own = conditions.into_iter().flatten().find(|condition| condition["type"] == MIRRORED);
        let seen = Seen {
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
        let message = message.chars().take(MESSAGE).collect();
        let mirrored = ConditionUpdate { kind: MIRRORED, status, reason, message, generation: *generation };
        condition::write(seen, mirrored, now)
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

    /// The conditions that tenants are given, by uid.
    async fn told(owner: &PgPool) -> Vec<(Uuid, Value)> {
        let due = Mirrored::due(&mirror_pool(owner).await, Uuid::nil()).await.unwrap();
        let write = |row: &Mirrored| match row.write(NOW.parse().unwrap())?.patch {
            kube::api::Patch::Apply(object) => Some((row.uid, object["status"]["conditions"][0].clone())),
            _ => None,
        };
        due.iter().filter_map(write).collect()
    }

    fn says(tenant: Fixture, generation: i64, condition: &Value) -> Fixture {
        tenant.generation(generation).status(json!({"conditions": [condition]}))
    }

    /// Nobody can tell whether a tenant has arrived in the database; or its object is written again and again.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_stored_tenant_says_so_once_a_generation(owner: PgPool) {
        store(&owner, [tenant("acme").version(4).build()]).await;
        let first = told(&owner).await;
        let condition = json!({"type": "Mirrored", "status": "True", "reason": "Stored", "observedGeneration": 1,
                               "message": "The tenant is stored in the database.", "lastTransitionTime": NOW});
        assert_eq!(first, [(uid("acme"), condition.clone())]);
        store(&owner, [says(tenant("acme").version(5), 1, &condition).build()]).await;
        assert_eq!(told(&owner).await, []);
        let mut earlier = condition;
        earlier["lastTransitionTime"] = json!("2026-11-24T08:00:00Z");
        store(&owner, [says(tenant("acme").version(6), 2, &earlier).build()]).await;
        let second = told(&owner).await;
        assert_eq!(second[0].1["observedGeneration"], 2);
        assert_eq!(second[0].1["lastTransitionTime"], "2026-11-24T08:00:00Z", "it is true since then");
    }

    /// A tenant's change never shows in the API, and nothing says why.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_that_is_put_aside_says_why(owner: PgPool) {
        let bad = tenant("acme").version(5).generation(2).spec("planRef", json!("starter"));
        store(&owner, [tenant("acme").version(4).build(), bad.clone().build()]).await;
        let told_first = told(&owner).await;
        let (of, condition) = &told_first[0];
        assert_eq!((of, told_first.len()), (&uid("acme"), 1));
        assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("Malformed")));
        assert_eq!(condition["observedGeneration"], 2);
        assert!(condition["message"].as_str().unwrap().contains("PlanRef"), "{condition}");
        store(&owner, [says(bad.version(6), 2, condition).build()]).await;
        assert_eq!(told(&owner).await, []);
        store(&owner, [says(tenant("acme").version(7), 3, condition).build()]).await;
        assert_eq!(told(&owner).await[0].1["status"], "True");
    }
}
