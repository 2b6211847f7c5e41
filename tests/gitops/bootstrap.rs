//! Installation from an empty cluster.

use crds::{Plan, Tenant, Workflow, conditions::is_true};
use kube::{Api, ResourceExt as _, api::ListParams};

use super::{application::Application, platform};

/// The Applications that the root Application creates.
const APPLICATIONS: [&str; 6] = [
    "smb-copilot-root",
    "smb-copilot-crds",
    "smb-copilot",
    "smb-copilot-tenants",
    "workflows-acme",
    "workflows-globex",
];

/// One Application installs both charts, plans, tenants and workflows into an empty cluster, in this order and without a
/// failed attempt, and all of it becomes Synced and Healthy.
#[tokio::test]
async fn an_empty_cluster_gets_the_platform_and_the_examples_in_order() -> anyhow::Result<()> {
    let (client, _) = platform::client().await?;
    for name in APPLICATIONS {
        let status = Application::named(&client, name)
            .until("Synced and Healthy", |status| {
                status.text("/sync/status") == "Synced" && status.health() == "Healthy"
            })
            .await?;
        assert_eq!(status.text("/operationState/phase"), "Succeeded", "{name}: {status:?}");
        assert!(status.retries() == 0, "{name} was not synchronised at the first attempt: {status:?}");
    }
    let plans = Api::<Plan>::all(client.clone()).list(&ListParams::default()).await?;
    assert!(plans.iter().any(|plan| plan.name_any() == "starter"));
    for tenant in ["acme", "globex"] {
        Api::<Tenant>::all(client.clone()).get(tenant).await?;
        let workflows = Api::<Workflow>::namespaced(client.clone(), &format!("t-{tenant}"));
        let workflows = workflows.list(&ListParams::default()).await?.items;
        assert!(!workflows.is_empty(), "{tenant} has no workflows");
        for workflow in workflows {
            let conditions = workflow.status.clone().unwrap_or_default().conditions;
            assert!(is_true(&conditions, "Valid"), "{}: {conditions:?}", workflow.name_any());
        }
    }
    Ok(())
}
