//! Applies a version of a plan or a tenant.

use uuid::Uuid;

use super::{
    Session,
    groups::{ObjectChange, groups},
    namespaced, plan,
    quarantine::{self, Reason, WaitingKey},
    tenant::{self, Upserted},
    tombstone,
};
use crate::{
    mirror::{Error, change::Upsert},
    project::{Kind, Projection, Row},
};

/// Stores the row of a plan or a tenant. An object that cannot be projected is quarantined, and never stops the changes after it.
pub(super) async fn apply(session: &mut Session<'_>, upsert: &Upsert) -> Result<(), Error> {
    let Upsert { projection: Projection { object, row }, read_up_to } = upsert;
    let identity = &object.identity;
    let tombstones = tombstone::find(session.connection, identity.kind, &[identity.uid]).await?;
    if tombstones.get(&identity.uid).is_some_and(|deleted_at| *deleted_at >= identity.resource_version) {
        return Ok(());
    }
    match row {
        Ok(Row::Plan(row)) => plan::upsert(session, row, *read_up_to).await?,
        Ok(Row::Tenant(row)) => {
            if tenant::upsert(session, row, *read_up_to).await? == Upserted::GotNamespace {
                store_quarantined(session, &row.namespace).await?;
            }
        }
        // Workflows and runs are stored in groups.
        Ok(Row::Workflow(_) | Row::Run(_)) => {}
        Err(problem) => {
            let problem = problem.to_string();
            return quarantine::add(session.connection, object, Reason::Malformed, &problem).await;
        }
    }
    quarantine::release(session.connection, &[(identity.kind, identity.uid)]).await
}

/// Stores the objects that were read before their tenant.
async fn store_quarantined(session: &mut Session<'_>, namespace: &str) -> Result<(), Error> {
    let mut after: WaitingKey = (String::new(), 0, Uuid::nil());
    loop {
        let (objects, last) = quarantine::waiting_for_tenant(session.connection, namespace, &after).await?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        let upserts: Vec<Upsert> = objects
            .into_iter()
            .map(|object| Upsert { projection: Projection::new(object), read_up_to: None })
            .collect();
        for kind in [Kind::Workflow, Kind::WorkflowRun] {
            let of_kind = upserts.iter().filter(|upsert| upsert.projection.object.identity.kind == kind);
            let of_kind: Vec<_> = of_kind.map(ObjectChange::Upserted).collect();
            for group in groups(&of_kind) {
                namespaced::apply(session, kind, &group).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::testing::store,
        project::testing::{plan, run, tenant, workflow},
    };

    async fn quarantined(owner: &PgPool) -> Vec<(String, String)> {
        sqlx::query_as("select name, reason from mirror_quarantine order by name")
            .fetch_all(owner)
            .await
            .unwrap()
    }

    async fn workflows(owner: &PgPool) -> Vec<String> {
        sqlx::query_scalar("select name from workflows order by name").fetch_all(owner).await.unwrap()
    }

    /// An object that does not parse never stops the mirror for other objects.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn an_object_that_does_not_parse_is_quarantined_until_it_does(owner: PgPool) {
        let good = workflow("acme", "good");
        let bad = workflow("acme", "bad");
        store(
            &owner,
            [
                plan("starter").build(),
                tenant("acme").build(),
                bad.clone().spec("steps", json!("none")).build(),
                good.build(),
            ],
        )
        .await;
        assert_eq!(workflows(&owner).await, ["good"]);
        assert_eq!(quarantined(&owner).await, [("bad".to_owned(), "MALFORMED".to_owned())]);
        store(&owner, [bad.version(2).build()]).await;
        assert_eq!(workflows(&owner).await, ["bad", "good"]);
        assert_eq!(quarantined(&owner).await, []);
    }

    /// Workflows and runs that were read before their tenant are stored once the tenant is.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn objects_read_before_their_tenant_are_stored_with_it(owner: PgPool) {
        store(&owner, [run("acme", "invoices", "invoices-1").build(), workflow("acme", "invoices").build()])
            .await;
        assert_eq!(workflows(&owner).await, Vec::<String>::new());
        store(&owner, [tenant("acme").build()]).await;
        assert_eq!(workflows(&owner).await, ["invoices"]);
        assert_eq!(quarantined(&owner).await, []);
        let runs: i64 =
            sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&owner).await.unwrap();
        assert_eq!(runs, 1);
    }
}
