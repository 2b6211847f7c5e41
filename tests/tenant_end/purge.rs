//! Export and purge of archived tenants.

use serde_json::{Value, json};
use tests::wait::until;

use super::{DEADLINE, fixture::Fixture};

/// An archived tenant is exported, and purged with its data when its retention has ended; the export remains. Setting the state
/// back before that removes the conditions, and archiving the tenant again exports it again.
#[tokio::test]
async fn an_archived_tenant_is_exported_and_purged_and_its_export_remains() -> anyhow::Result<()> {
    let fixture = Fixture::new("purged").await?;
    fixture.patch(json!({"state": "Archived", "deletionPolicy": "Delete"})).await?;
    let exported = fixture.until_condition("Exported", "True").await?;
    assert!(exported.message.contains("and 1 stored outputs"), "{}", exported.message);
    let first = location(&fixture).await?;
    fixture.until_condition("Purgeable", "False").await?;

    fixture.patch(json!({"state": "Active"})).await?;
    let gone = async || fixture.condition("Exported").await;
    until("the tenant is not exported any more", DEADLINE, gone, Option::is_none).await?;
    assert_eq!(fixture.condition("Purgeable").await?, None);

    // The replica that begins the second export crashes; the next one completes it.
    let mut programs = fixture.platform.programs().await;
    fixture.patch(json!({"state": "Archived"})).await?;
    fixture.until_reason("Ready", "Archived").await?;
    programs.kill_api_server().await;
    programs.start_api_server(fixture.platform).await?;
    drop(programs);
    fixture.until_condition("Exported", "True").await?;
    let second = location(&fixture).await?;
    assert_ne!(first, second);

    fixture.patch(json!({"retention": {"archivedFor": "1s"}})).await?;
    fixture.until_gone().await?;
    let query = "select count(*) from stored_outputs t where true";
    assert_eq!((fixture.count(query).await?, fixture.outputs().await?.len()), (0, 0));
    let folder = second.strip_prefix("file://").unwrap_or(&second).to_owned();
    let manifest: Value = serde_json::from_slice(&std::fs::read(format!("{folder}manifest.json"))?)?;
    assert_eq!(manifest["tenant"]["slug"], fixture.slug);
    let runs = manifest["files"].as_array().into_iter().flatten().find(|file| file["kind"] == "runs");
    let runs = runs.and_then(|file| file["name"].as_str()).unwrap_or_default();
    assert!(std::fs::read_to_string(format!("{folder}{runs}"))?.contains("order-7"));
    assert_eq!(
        fixture
            .files(&format!("exports/{}", fixture.slug))?
            .iter()
            .filter(|file| file.contains("manifest"))
            .count(),
        1
    );
    Ok(())
}

async fn location(fixture: &Fixture) -> anyhow::Result<String> {
    let status = fixture.tenants.get(&fixture.slug).await?.status.unwrap_or_default();
    Ok(status.export.map(|export| export.location).unwrap_or_default())
}
