//! What an installation decides: flags, each with an `SMBCOPILOT_…` variable.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Command line of the operator.
#[derive(Clone, Debug, clap::Parser)]
#[command(version, about = "The controllers for Plan, Tenant, Workflow and WorkflowRun")]
pub(crate) struct Config {
    /// The namespace that this release is installed in; the lease lives there.
    #[arg(long, env = "SMBCOPILOT_RELEASE_NAMESPACE", default_value = "smb-copilot")]
    pub(crate) release_namespace: String,
    /// Image of the container that executes runs.
    #[arg(long, env = "SMBCOPILOT_RUNNER_IMAGE", default_value = "docker.io/smb-copilot/runner:local")]
    pub(crate) runner_image: String,
    /// Image of the host for Python steps that name none.
    #[arg(long, env = "SMBCOPILOT_PYTHON_IMAGE", default_value = "docker.io/smb-copilot/python:local")]
    pub(crate) python_image: String,
    /// `Always`, `IfNotPresent` or `Never`, for the containers of run pods.
    #[arg(long, env = "SMBCOPILOT_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub(crate) image_pull_policy: String,
    /// How long a pod may wait for an image that does not come, in seconds; then its run fails.
    #[arg(long, env = "SMBCOPILOT_IMAGE_PULL_PATIENCE", default_value = "60")]
    pub(crate) image_pull_patience: u64,
    /// Where runners reach the api-server's internal port, for outputs and logs. Without it large outputs are
    /// refused, and logs end with their pod.
    #[arg(long, env = "SMBCOPILOT_INTERNAL_API_URL")]
    pub(crate) internal_api_url: Option<String>,
    /// Name of the Lease that one operator holds.
    #[arg(long, env = "SMBCOPILOT_LEASE_NAME", default_value = "smb-copilot-operator")]
    pub(crate) lease_name: String,
    /// Who this process is, in the Lease and in Events.
    #[arg(long, env = "POD_NAME", default_value = "smb-copilot-operator")]
    pub(crate) pod_name: String,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "SMBCOPILOT_HEALTH_ADDR", default_value = "0.0.0.0:9090")]
    pub(crate) health_addr: SocketAddr,
    /// Address ranges of the cluster's pods, Services and nodes, comma-separated; no plan's `cidr` ever
    /// reaches into them. Private, link-local and loopback ranges are closed without being named.
    #[arg(long, env = "SMBCOPILOT_CLUSTER_CIDRS", value_delimiter = ',')]
    pub(crate) cluster_cidrs: Vec<IpNet>,
    /// Where Services reach the Kubernetes API, as every pod is told: runs may reach it there too.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST")]
    pub(crate) kubernetes_service_host: Option<IpAddr>,
    /// The port of it.
    #[arg(long, env = "KUBERNETES_SERVICE_PORT", default_value = "443")]
    pub(crate) kubernetes_service_port: u16,
    /// How log lines look, and which are written.
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}
