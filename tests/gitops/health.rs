//! Health of our objects, as Argo CD shows it.

use tests::kubectl::kubectl_with_input;

use super::{manifests, tenancy::Tenancy};

/// A workflow with problems makes its Application Degraded, with its first problem as the message, and Healthy again once it
/// is corrected.
#[tokio::test]
async fn a_workflow_with_problems_is_degraded_with_its_first_problem() -> anyhow::Result<()> {
    let (tenancy, application) = Tenancy::healthy("degraded").await?;
    tenancy.repository.write("workflow.yaml", &manifests::workflow_with_problems(&tenancy.slug))?;
    let revision = tenancy.repository.commit()?;
    application.refresh().await?;
    let status = application
        .until("degraded", |status| status.has_synced(&revision) && status.health() == "Degraded")
        .await?;
    let (health, message) = status.health_of("Workflow", "intake");
    assert_eq!(health, "Degraded");
    assert!(message.starts_with("2 problems, the first is: spec.steps[1].when: "), "{message}");
    tenancy.repository.write("workflow.yaml", &manifests::workflow(&tenancy.slug, ""))?;
    application.until_healthy(&tenancy.repository.commit()?).await.map(drop)
}

/// A tenant is Progressing with the reason until it is set up; its workflows are created afterwards.
#[tokio::test]
async fn a_tenant_is_progressing_until_it_is_set_up() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("progressing").await?;
    tenancy.repository.remove("plan.yaml")?;
    let revision = tenancy.repository.commit()?;
    let application = tenancy.application().await?;
    let waits = |status: &super::application::Status| {
        let (health, message) = tenancy.tenant_health(status);
        health == "Progressing" && message.contains("create it, or name another one in spec.planRef")
    };
    application.until("the tenant waits for its plan", waits).await?;
    assert!(tenancy.workflows.get_opt("intake").await?.is_none(), "the workflow waits for the tenant");
    kubectl_with_input(&["apply", "--filename=-"], &manifests::plan(&tenancy.slug)).await?;
    let status = application.until_healthy(&revision).await?;
    assert_eq!(tenancy.tenant_health(&status), ("Healthy".to_owned(), "the tenant is set up".to_owned()));
    Ok(())
}
