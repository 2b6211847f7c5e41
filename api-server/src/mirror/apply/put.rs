//! An object is so.

use sqlx::PgConnection;

use super::{
    plan,
    quarantine::{self, Reason},
    run,
    tenant::{self, Arrival},
    tombstone, workflow,
};
use crate::{
    mirror::Error,
    project::{Identity, Object, Row, project},
};

/// Takes in an object; what cannot be projected is put aside, and never stops what comes after it.
pub(super) async fn apply(connection: &mut PgConnection, object: &Object) -> Result<(), Error> {
    if tombstone::covers(connection, &object.identity).await? {
        return Ok(());
    }
    match project(object) {
        Ok(row) => store(connection, object, row).await,
        Err(problem) => quarantine::put(connection, object, Reason::Malformed, &problem.to_string()).await,
    }
}

async fn store(connection: &mut PgConnection, object: &Object, row: Row) -> Result<(), Error> {
    let Identity { kind, uid, .. } = &object.identity;
    match row {
        Row::Plan(row) => plan::put(connection, &row).await?,
        Row::Tenant(row) => {
            if tenant::put(connection, &row).await? == Arrival::New {
                store_waiting(connection, &row.namespace).await?;
            }
        }
        Row::Workflow(_) | Row::Run(_) => return store_of_tenant(connection, object, row).await,
    }
    quarantine::release(connection, *kind, *uid).await
}

async fn store_of_tenant(connection: &mut PgConnection, object: &Object, row: Row) -> Result<(), Error> {
    let Identity { kind, uid, namespace, .. } = &object.identity;
    let Some(tenant) = tenant::of_namespace(connection, namespace.as_deref()).await? else {
        return quarantine::put(connection, object, Reason::UnknownTenant, "its namespace is no tenant's")
            .await;
    };
    match row {
        Row::Workflow(row) => workflow::put(connection, tenant, &row).await?,
        Row::Run(row) => run::put(connection, tenant, &row).await?,
        // Cluster-scoped kinds have no tenant to look for.
        Row::Plan(_) | Row::Tenant(_) => {}
    }
    quarantine::release(connection, *kind, *uid).await
}

/// What came before its tenant.
async fn store_waiting(connection: &mut PgConnection, namespace: &str) -> Result<(), Error> {
    for object in quarantine::waiting(connection, namespace).await? {
        match project(&object) {
            Ok(row) => store_of_tenant(connection, &object, row).await?,
            Err(problem) => {
                quarantine::put(connection, &object, Reason::Malformed, &problem.to_string()).await?;
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

    /// One object that nobody can read stops the mirror for every tenant.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn an_object_that_does_not_parse_is_put_aside_until_it_does(owner: PgPool) {
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

    /// A workflow that was read just before its tenant is never shown.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn what_came_before_its_tenant_follows_it(owner: PgPool) {
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
