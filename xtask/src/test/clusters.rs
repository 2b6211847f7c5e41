//! The clusters of the tests: two control planes without nodes, and a complete node. They are separate from the user's
//! instance.

use crate::build::go;
use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::cluster::boot::{self, Data, Mode};
use crate::instance::{Homes, Instance};
use crate::issuer::token::{Holder, mint};
use crate::phase::{Phase, Phases};
use crate::{chart, issuer, up};

/// Slug of a tenant that a test of the node creates, with the maximum length of 40 characters.
const LARGE_TENANT: &str = "chengdu-noodles-and-dumplings-by-auntie7";

/// The clusters.
pub(super) struct Clusters<'a> {
    checkout: &'a Checkout,
    control_plane: Instance,
    gitops: Instance,
    node: Instance,
    control_plane_is_up: bool,
    gitops_is_up: bool,
    node_is_up: bool,
}

impl<'a> Clusters<'a> {
    pub(super) fn new(checkout: &'a Checkout, homes: &Homes) -> anyhow::Result<Self> {
        let instance = |name| Instance::new(checkout, homes, name);
        Ok(Self {
            checkout,
            control_plane: instance("test-cp")?,
            gitops: instance("test-gitops")?,
            node: instance("test")?,
            control_plane_is_up: false,
            gitops_is_up: false,
            node_is_up: false,
        })
    }

    /// Starts an empty control plane with both charts (definitions, roles, policies), unless it is running. It runs no
    /// pods.
    pub(super) fn control_plane(&mut self, phases: &Phases) -> anyhow::Result<()> {
        if self.control_plane_is_up {
            return Ok(());
        }
        let (checkout, instance) = (self.checkout, &self.control_plane);
        start_control_plane(phases, checkout, instance)?;
        let cluster = Cluster::local(checkout, instance);
        phases.run("install both charts", |phase| {
            chart::install_crds(phase, checkout, &cluster)?;
            chart::install(phase, checkout, &cluster, &chart::Values::local(instance)?)
        })?;
        self.control_plane_is_up = true;
        Ok(())
    }

    /// Builds Argo CD, and starts an empty control plane without the charts, unless it is running. The tests start Argo CD,
    /// which installs the charts.
    pub(super) fn gitops(&mut self, phases: &Phases) -> anyhow::Result<()> {
        if self.gitops_is_up {
            return Ok(());
        }
        phases.run("build Argo CD", |phase| go::build_argocd(phase, self.checkout))?;
        start_control_plane(phases, self.checkout, &self.gitops)?;
        self.gitops_is_up = true;
        Ok(())
    }

    /// Starts a node with everything that `up` installs, unless it is running.
    pub(super) fn node(&mut self, phases: &Phases) -> anyhow::Result<()> {
        if self.node_is_up {
            return Ok(());
        }
        let (checkout, instance) = (self.checkout, &self.node);
        up::build_and_boot(phases, checkout, instance, Mode::Node, Data::Purge)?;
        up::install_local(phases, checkout, instance)?;
        self.node_is_up = true;
        Ok(())
    }

    /// Returns the control plane.
    pub(super) fn control_plane_cluster(&self) -> Cluster {
        Cluster::local(self.checkout, &self.control_plane)
    }

    /// Returns the values that its chart was installed with.
    pub(super) fn control_plane_values(&self) -> anyhow::Result<chart::Values> {
        chart::Values::local(&self.control_plane)
    }

    pub(super) fn control_plane_environment(&self) -> Vec<(String, String)> {
        self.environment(&self.control_plane)
    }

    pub(super) fn gitops_environment(&self) -> Vec<(String, String)> {
        self.environment(&self.gitops)
    }

    /// Returns the environment variables with the node's API and tokens of its issuer.
    pub(super) fn node_environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut environment = self.environment(&self.node);
        environment.push(("SMBCOPILOT_TEST_API_URL".to_owned(), up::api_url(&self.node)?));
        environment.push(("SMBCOPILOT_TEST_LARGE_TENANT".to_owned(), LARGE_TENANT.to_owned()));
        let key = issuer::key::load(&Cluster::local(self.checkout, &self.node))?;
        for (variable, tenant, role) in [
            ("SMBCOPILOT_TEST_TOKEN", "acme", "admin"),
            ("SMBCOPILOT_TEST_VIEWER_TOKEN", "acme", "viewer"),
            ("SMBCOPILOT_TEST_GLOBEX_TOKEN", "globex", "admin"),
            ("SMBCOPILOT_TEST_SCENARIOS_TOKEN", "scenarios", "admin"),
            ("SMBCOPILOT_TEST_LARGE_TENANT_TOKEN", LARGE_TENANT, "admin"),
        ] {
            environment.push((variable.to_owned(), mint(&key, &Holder::new(tenant, role))?));
        }
        Ok(environment)
    }

    fn environment(&self, instance: &Instance) -> Vec<(String, String)> {
        let text = |path: std::path::PathBuf| path.display().to_string();
        vec![
            ("KUBECONFIG".to_owned(), text(instance.kubeconfig())),
            ("SMBCOPILOT_TEST_KUBECTL".to_owned(), text(self.checkout.local().join("kubectl"))),
            ("SMBCOPILOT_TEST_SMB_KUBE".to_owned(), text(self.checkout.local().join("smb-kube"))),
            ("SMBCOPILOT_TEST_STATE".to_owned(), text(instance.kube_state())),
        ]
    }

    /// Stops all and removes their data.
    pub(super) fn remove(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if !self.checkout.local().join("smb-kube").exists() {
            return Ok(()); // nothing was started
        }
        for instance in [&self.control_plane, &self.gitops, &self.node] {
            boot::down(phase, self.checkout, &instance.kube_state(), Data::Purge)?;
        }
        Ok(())
    }
}

/// Starts an empty control plane in place of one that an earlier run has left.
fn start_control_plane(phases: &Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
    phases.run("start a control plane", |phase| {
        boot::down(phase, checkout, &instance.kube_state(), Data::Purge)?;
        boot::up(phase, checkout, instance, Mode::ControlPlane)
    })
}
