//! The clusters of the tests: a control plane without node, and a complete node. Both are separate from the user's
//! instance.

use crate::build::go;
use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::cluster::boot::{self, Data, Mode};
use crate::instance::{Homes, Instance};
use crate::issuer::token::{Holder, mint};
use crate::phase::{Phase, Phases};
use crate::{chart, issuer, up};

/// Both clusters.
pub(super) struct Clusters<'a> {
    checkout: &'a Checkout,
    control_plane: Instance,
    node: Instance,
    control_plane_is_up: bool,
    node_is_up: bool,
}

impl<'a> Clusters<'a> {
    pub(super) fn new(checkout: &'a Checkout, homes: &Homes) -> anyhow::Result<Self> {
        let instance = |name| Instance::new(checkout, homes, name);
        Ok(Self {
            checkout,
            control_plane: instance("test-cp")?,
            node: instance("test")?,
            control_plane_is_up: false,
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
        phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
        phases.run("start a control plane", |phase| {
            boot::down(phase, checkout, &instance.kube_state(), Data::Purge)?;
            boot::up(phase, checkout, instance, Mode::ControlPlane)
        })?;
        let cluster = Cluster::local(checkout, instance);
        phases.run("install both charts", |phase| {
            chart::install_crds(phase, checkout, &cluster)?;
            chart::install(phase, checkout, &cluster, &chart::Values::local(instance))
        })?;
        self.control_plane_is_up = true;
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
    pub(super) fn control_plane_values(&self) -> chart::Values {
        chart::Values::local(&self.control_plane)
    }

    pub(super) fn control_plane_environment(&self) -> Vec<(String, String)> {
        self.environment(&self.control_plane)
    }

    /// Returns the environment variables with the node's API and tokens of its issuer.
    pub(super) fn node_environment(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut environment = self.environment(&self.node);
        environment.push(("SMBCOPILOT_TEST_API_URL".to_owned(), up::api_url(&self.node)?));
        let key = issuer::key::load(&Cluster::local(self.checkout, &self.node))?;
        for (variable, tenant, role) in [
            ("SMBCOPILOT_TEST_TOKEN", "acme", "admin"),
            ("SMBCOPILOT_TEST_VIEWER_TOKEN", "acme", "viewer"),
            ("SMBCOPILOT_TEST_GLOBEX_TOKEN", "globex", "admin"),
            ("SMBCOPILOT_TEST_SCENARIOS_TOKEN", "scenarios", "admin"),
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

    /// Stops both and removes their data.
    pub(super) fn remove(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if !self.checkout.local().join("smb-kube").exists() {
            return Ok(()); // nothing was started
        }
        for instance in [&self.control_plane, &self.node] {
            boot::down(phase, self.checkout, &instance.kube_state(), Data::Purge)?;
        }
        Ok(())
    }
}
