//! Upgrade of the platform by Git.

use crds::{Tenant, conditions::is_true};
use k8s_openapi::{
    api::apps::v1::Deployment,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, ResourceExt as _};
use tests::operator_process::NAMESPACE;

use super::{application::Application, platform};

const CHARTS: [&str; 2] = ["smb-copilot-crds", "smb-copilot"];

/// A new version of both charts in Git upgrades the platform, whose tenants remain ready.
#[tokio::test]
async fn new_versions_of_both_charts_upgrade_the_platform() -> anyhow::Result<()> {
    let platform = platform::ensure().await?;
    let (client, _) = platform::client().await?;
    let _alone = platform::charts().await;
    let tenants = Application::named(&client, "smb-copilot-tenants");
    tenants.until("the tenants are healthy", |status| status.health() == "Healthy").await?;
    for chart in CHARTS {
        let file = format!("charts/{chart}/Chart.yaml");
        let text = platform.repository.read(&file)?;
        let upgraded = text.lines().map(|field| match field.split_once(": ") {
            Some((name @ ("version" | "appVersion"), _)) => format!("{name}: 9.8.7\n"),
            _ => format!("{field}\n"),
        });
        platform.repository.write(&file, &upgraded.collect::<String>())?;
    }
    let crd = "charts/smb-copilot-crds/templates/plans.yaml";
    let text = platform.repository.read(crd)?;
    platform
        .repository
        .write(crd, &text.replacen("  annotations:\n", "  annotations:\n    upgraded: \"yes\"\n", 1))?;
    let revision = platform.repository.commit()?;
    for chart in CHARTS {
        Application::named(&client, chart).until_healthy(&revision).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    for component in ["operator", "api-server"] {
        let deployment = deployments.get(&format!("smb-copilot-{component}")).await?;
        let label = deployment.labels().get("helm.sh/chart").map(String::as_str);
        assert_eq!(label, Some("smb-copilot-9.8.7"));
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let plans = definitions.get("plans.smbcopilot.dev").await?;
    assert_eq!(plans.annotations().get("upgraded").map(String::as_str), Some("yes"));
    let tenant = Api::<Tenant>::all(client).get("acme").await?;
    assert!(is_true(&tenant.status.unwrap_or_default().conditions, "Ready"));
    Ok(())
}
