//! Applies an object that was listed, added or modified.

use sqlx::PgConnection;

use super::{
    plan,
    quarantine::{self, Reason},
    run,
    tenant::{self, Upserted},
    tombstone, workflow,
};
use crate::{
    mirror::Error,
    project::{Identity, Object, Row, project},
};

/// Projects an object and stores its row. An object that cannot be projected is quarantined, and never stops
/// the changes after it.
pub(super) async fn apply(connection: &mut PgConnection, object: &Object) -> Result<(), Error> {
    if tombstone::covers(connection, &object.identity).await? {
        return Ok(());
    }
    match project(object) {
        Ok(row) => store(connection, object, row).await,
        Err(problem) => quarantine::add(connection, object, Reason::Malformed, &problem.to_string()).await,
    }
}

async fn store(connection: &mut PgConnection, object: &Object, row: Row) -> Result<(), Error> {
    let Identity { kind, uid, .. } = &object.identity;
    match row {
        Row::Plan(row) => plan::upsert(connection, &row).await?,
        Row::Tenant(row) => {
            if tenant::upsert(connection, &row).await? == Upserted::Created {
                store_quarantined(connection, &row.namespace).await?;
            }
        }
        Row::Workflow(_) | Row::Run(_) => return store_of_tenant(connection, object, row).await,
    }
    quarantine::release(connection, *kind, *uid).await
}

async fn store_of_tenant(connection: &mut PgConnection, object: &Object, row: Row) -> Result<(), Error> {
    let Identity { kind, uid, namespace, .. } = &object.identity;
    let Some(tenant) = tenant::find_by_namespace(connection, namespace.as_deref()).await? else {
        return quarantine::add(
            connection,
            object,
            Reason::UnknownTenant,
            "its namespace does not belong to a tenant",
        )
        .await;
    };
    match row {
        Row::Workflow(row) => workflow::upsert(connection, tenant, &row).await?,
        Row::Run(row) => run::upsert(connection, tenant, &row).await?,
        // Cluster-scoped kinds do not belong to a tenant.
        Row::Plan(_) | Row::Tenant(_) => {}
    }
    quarantine::release(connection, *kind, *uid).await
}

/// Stores the objects that were read before their tenant.
async fn store_quarantined(connection: &mut PgConnection, namespace: &str) -> Result<(), Error> {
    for object in quarantine::waiting_for_tenant(connection, namespace).await? {
        match project(&object) {
            Ok(row) => store_of_tenant(connection, &object, row).await?,
            Err(problem) => {
                quarantine::add(connection, &object, Reason::Malformed, &problem.to_string()).await?;
            }
        }
    }
    Ok(())
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
