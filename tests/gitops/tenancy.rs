//! Tenant of one test: its repository and its Application.

use crds::{Tenant, Workflow, WorkflowRun};
use kube::{Api, Client};
use tests::cluster::unique;

use super::{
    application::{Application, Status},
    manifests, platform,
    repository::Repository,
};

/// Plan, tenant and workflow in a repository of their own.
pub(super) struct Tenancy {
    pub(super) client: Client,
    /// Name of the plan, the tenant and the Application.
    pub(super) slug: String,
    pub(super) repository: Repository,
    pub(super) tenants: Api<Tenant>,
    pub(super) workflows: Api<Workflow>,
    pub(super) runs: Api<WorkflowRun>,
}

impl Tenancy {
    /// Creates the repository with the files `plan.yaml`, `tenant.yaml` and `workflow.yaml`, which are not committed.
    pub(super) async fn create(prefix: &str) -> anyhow::Result<Self> {
        let (client, processes) = platform::client().await?;
        let slug = unique(prefix);
        let repository = Repository::create(processes, &slug)?;
        repository.write("plan.yaml", &manifests::plan(&slug))?;
        repository.write("tenant.yaml", &manifests::tenant(&slug, ""))?;
        repository.write("workflow.yaml", &manifests::workflow(&slug, ""))?;
        let namespace = format!("t-{slug}");
        Ok(Self {
            tenants: Api::all(client.clone()),
            workflows: Api::namespaced(client.clone(), &namespace),
            runs: Api::namespaced(client.clone(), &namespace),
            repository,
            slug,
            client,
        })
    }

    /// Creates the repository and the Application, and waits until it is healthy.
    pub(super) async fn healthy(prefix: &str) -> anyhow::Result<(Self, Application)> {
        let tenancy = Self::create(prefix).await?;
        let application = tenancy.apply().await?;
        Ok((tenancy, application))
    }

    /// Commits the files, creates the Application and waits until it is healthy.
    pub(super) async fn apply(&self) -> anyhow::Result<Application> {
        let revision = self.repository.commit()?;
        let application = self.application().await?;
        application.until_healthy(&revision).await?;
        Ok(application)
    }

    /// Creates the Application.
    pub(super) async fn application(&self) -> anyhow::Result<Application> {
        Application::create(&self.client, &self.slug, &self.repository).await
    }

    /// Returns the health of the tenant and its message.
    pub(super) fn tenant_health(&self, status: &Status) -> (String, String) {
        status.health_of("Tenant", &self.slug)
    }
}
