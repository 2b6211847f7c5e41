//! Changes by REST of what Argo CD manages.

use super::{application::Status, manifests, rest_api::RestApi, tenancy::Tenancy};

/// A change by REST of a field that Git declares is refused with the field and Argo CD as its manager. A change of another field is
/// made, and is no difference for Argo CD: the Application stays Synced and Healthy, and nothing is synchronised again.
#[tokio::test]
async fn a_change_by_rest_of_what_git_declares_is_refused() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("by-rest").await?;
    tenancy.repository.write("tenant.yaml", &manifests::tenant(&tenancy.slug, "  state: Active\n"))?;
    let application = tenancy.apply().await?;
    let before = application.status().await?.text("/operationState/finishedAt");
    let rest = RestApi::start(&tenancy).await?;
    rest.refuses_fields_of("argocd-controller").await?;
    rest.change_others().await?;
    application.compare_again().await?;
    let is_unchanged =
        |status: &Status| status.text("/sync/status") == "Synced" && status.health() == "Healthy";
    let status = application.until("synchronised and healthy", is_unchanged).await?;
    assert_eq!(status.text("/operationState/finishedAt"), before, "synchronised again: {status:?}");
    let workflow = serde_json::to_value(tenancy.workflows.get("intake").await?.spec)?;
    assert_eq!(
        (&workflow["timeout"], &workflow["steps"][0]["expr"]["value"]),
        (&"5m".into(), &"${{ input.quantity * 2 }}".into())
    );
    // Argo CD changes and removes what is its own, also after a change by REST.
    let text = manifests::tenant(&tenancy.slug, "").replace("Acme Bakery", "Acme Patisserie");
    tenancy.repository.write("tenant.yaml", &text)?;
    application.until_healthy(&tenancy.repository.commit()?).await?;
    let spec = tenancy.tenants.get(&tenancy.slug).await?.spec;
    assert_eq!((spec.display_name.as_deref(), spec.state), (Some("Acme Patisserie"), None));
    assert_eq!(spec.settings, Some(serde_json::json!({"currency": "EUR"})));
    Ok(())
}
