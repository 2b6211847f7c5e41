//! Command line of the operator. Each flag can also be set by an environment variable.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Command line of the operator.
#[derive(Clone, Debug, clap::Parser)]
#[command(version, about = "Controllers for Plan, Tenant, Workflow and WorkflowRun")]
pub(crate) struct Config {
    /// Namespace in which this release is installed. It contains the operator's Lease.
    #[arg(long, env = "SMBCOPILOT_RELEASE_NAMESPACE", default_value = "smb-copilot")]
    pub(crate) release_namespace: String,
    /// Image of the runner container, which executes runs.
    #[arg(long, env = "SMBCOPILOT_RUNNER_IMAGE", default_value = "docker.io/smb-copilot/runner:local")]
    pub(crate) runner_image: String,
    /// Image of the host container for Python steps that name no image.
    #[arg(long, env = "SMBCOPILOT_PYTHON_IMAGE", default_value = "docker.io/smb-copilot/python:local")]
    pub(crate) python_image: String,
    /// Image pull policy of the containers in runner pods: `Always`, `IfNotPresent` or `Never`.
    #[arg(long, env = "SMBCOPILOT_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub(crate) image_pull_policy: String,
    /// Time for which the image pulls of a runner pod may fail before its run fails with `IMAGE_PULL`, in seconds.
    #[arg(long, env = "SMBCOPILOT_IMAGE_PULL_TIMEOUT", default_value = "60")]
    pub(crate) image_pull_timeout: u64,
    /// Whether nodes are added to the cluster for pods that fit onto none. Otherwise, a run whose pod is larger than every
    /// node fails at once.
    #[arg(long, env = "SMBCOPILOT_NODE_AUTOSCALING", default_value_t = false, action = clap::ArgAction::Set)]
    pub(crate) node_autoscaling: bool,
    /// URL at which runners reach the api-server's internal port, for outputs and logs. Without it, large outputs are
    /// rejected and logs are deleted together with their pod.
    #[arg(long, env = "SMBCOPILOT_INTERNAL_API_URL")]
    pub(crate) internal_api_url: Option<String>,
    /// Name of the Lease that the leading operator holds.
    #[arg(long, env = "SMBCOPILOT_LEASE_NAME", default_value = "smb-copilot-operator")]
    pub(crate) lease_name: String,
    /// Identity of this process in the Lease and in Events.
    #[arg(long, env = "POD_NAME", default_value = "smb-copilot-operator")]
    pub(crate) pod_name: String,
    /// Address on which `/livez`, `/readyz` and `/metrics` are served.
    #[arg(long, env = "SMBCOPILOT_HEALTH_ADDR", default_value = "0.0.0.0:9090")]
    pub(crate) health_addr: SocketAddr,
    /// Comma-separated address ranges of the cluster's pods, Services and nodes. No plan can open them to runs by a
    /// `cidr`. Private, link-local and loopback ranges are closed in any case.
    #[arg(long, env = "SMBCOPILOT_CLUSTER_CIDRS", value_delimiter = ',')]
    pub(crate) cluster_cidrs: Vec<IpNet>,
    /// IP address of the Kubernetes API Service, to which runs may connect. Kubernetes sets it in every pod.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST")]
    pub(crate) kubernetes_service_host: Option<IpAddr>,
    /// Port of the Kubernetes API Service. Kubernetes sets it in every pod.
    #[arg(long, env = "KUBERNETES_SERVICE_PORT", default_value = "443")]
    pub(crate) kubernetes_service_port: u16,
    /// Format and level of log lines.
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}
