//! When an archived tenant may be purged.

use serde_json::json;
use sqlx::PgPool;

use super::{Scene, archived};
use crate::{
    db::MIGRATOR, mirror::testing::store, project::testing::tenant, tenant_end::task::TenantWork as _,
};

/// A tenant may be purged once its retention has ended since the api-server has seen it archived, whatever time the operator says.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_retention_begins_when_the_api_server_saw_the_tenant_archived(owner: PgPool) {
    let purged =
        archived().spec("deletionPolicy", json!("Delete")).spec("retention", json!({"archivedFor": "2d"}));
    let long_ago = json!({"archivedAt": "2020-01-01T00:00:00Z", "purgeAfter": "2020-01-03T00:00:00Z"});
    let scene = Scene::new(&owner, purged.status(long_ago)).await;
    scene.advance().await.unwrap();
    let condition = scene.condition("Purgeable").unwrap();
    assert!(condition.starts_with("False Retained: the retention ends at"), "{condition}");
    let due = scene.archivings().due().await.unwrap();
    let next = due.next.unwrap().as_secs();
    assert!(due.tasks.is_empty() && (86_400..=2 * 86_400).contains(&next), "{next}");

    let earlier = "update tenant_archivings set seen_at = now() - interval '3 days'";
    sqlx::query(earlier).execute(&owner).await.unwrap();
    assert!(scene.advance().await.unwrap());
    assert!(scene.condition("Purgeable").unwrap().starts_with("True RetentionEnded: "));
    assert!(!scene.advance().await.unwrap(), "nothing is left to do");
}

/// A NUL in what a tenant writes stops neither its own end nor that of others.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_nul_of_a_tenant_stops_no_end(owner: PgPool) {
    let nul = json!({"\0": "\0\\u0000\0"});
    let purged = archived().spec("settings", nul.clone()).spec("deletionPolicy", json!("Delete"));
    let scene = Scene::new(&owner, purged.spec("retention", json!({"archivedFor": "1ms"}))).await;
    scene.advance().await.unwrap();
    assert!(scene.condition("Purgeable").unwrap().starts_with("True "));
    let quarantined = tenant("globex").version(50).spec("planRef", nul).deleting().build();
    store(&owner, [quarantined]).await;
    assert_eq!(scene.deletions().due().await.unwrap().tasks.len(), 1);
}

/// A tenant whose policy is Retain is never said to be purgeable, and one whose policy becomes Retain is not any more.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_tenant_that_is_retained_is_not_purgeable(owner: PgPool) {
    let short = json!({"archivedFor": "1ms"});
    let purged = archived().spec("retention", short).spec("deletionPolicy", json!("Delete"));
    let scene = Scene::new(&owner, purged.clone()).await;
    scene.advance().await.unwrap();
    assert!(scene.condition("Purgeable").unwrap().starts_with("True "));
    scene.apply(purged.version(40).spec("deletionPolicy", json!("Retain"))).await;
    scene.advance().await.unwrap();
    assert_eq!(scene.condition("Purgeable"), None);
    assert!(scene.condition("Exported").unwrap().starts_with("True "));
}
