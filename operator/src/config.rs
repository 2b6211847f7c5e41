//! Command line of the operator. Each flag can also be set by an environment variable.

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;

/// An API key, which is never printed.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// Returns the key.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

/// A version of the Pod Security Standards: `v1.` and the minor version of Kubernetes that defines them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodSecurityVersion(String);

/// A text is not a version of the Pod Security Standards.
#[derive(Debug, thiserror::Error)]
#[error("a version of the Pod Security Standards is `v1.` and a number, such as `v1.31`")]
pub(crate) struct InvalidPodSecurityVersion;

impl PodSecurityVersion {
    /// Returns the version as a label of a namespace has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PodSecurityVersion {
    type Err = InvalidPodSecurityVersion;

    fn from_str(text: &str) -> Result<Self, InvalidPodSecurityVersion> {
        let minor = text.strip_prefix("v1.").and_then(|minor| minor.parse::<u16>().ok());
        // The API server ignores a version such as `v1.031`, and would then enforce its latest.
        match minor {
            Some(minor) if text == format!("v1.{minor}") => Ok(Self(text.to_owned())),
            _ => Err(InvalidPodSecurityVersion),
        }
    }
}

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
    /// Namespace in which pods find out whether the cluster enforces network policies. Without it, that is not known.
    #[arg(long, env = "SMBCOPILOT_NETWORK_PROBE_NAMESPACE")]
    pub(crate) network_probe_namespace: Option<String>,
    /// Interval at which that is found out again, in seconds.
    #[arg(long, env = "SMBCOPILOT_NETWORK_PROBE_INTERVAL", default_value = "86400")]
    pub(crate) network_probe_interval: u64,
    /// Version of the Pod Security Standard that tenants' namespaces enforce, such as `v1.31`. A cluster that does not know the
    /// version applies its latest.
    #[arg(long, env = "SMBCOPILOT_POD_SECURITY_VERSION", default_value = "v1.31")]
    pub(crate) pod_security_version: PodSecurityVersion,
    /// IP address of the Kubernetes API Service, to which runs may connect. Kubernetes sets it in every pod.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST")]
    pub(crate) kubernetes_service_host: Option<IpAddr>,
    /// Port of the Kubernetes API Service. Kubernetes sets it in every pod.
    #[arg(long, env = "KUBERNETES_SERVICE_PORT", default_value = "443")]
    pub(crate) kubernetes_service_port: u16,
    /// URL of the gRPC port of Qdrant. Without it, tenants have no vector storage.
    #[arg(long, env = "SMBCOPILOT_QDRANT_URL")]
    pub(crate) qdrant_url: Option<String>,
    /// API key of Qdrant.
    #[arg(long, env = "SMBCOPILOT_QDRANT_API_KEY", hide_env_values = true)]
    pub(crate) qdrant_api_key: Option<ApiKey>,
    /// Format and level of log lines.
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version that the API server would not understand is refused at the start, since it would enforce its latest instead.
    #[test]
    fn a_version_that_kubernetes_does_not_understand_is_refused() {
        assert_eq!("v1.31".parse::<PodSecurityVersion>().unwrap().as_str(), "v1.31");
        for text in ["", "latest", "1.31", "v1", "v1.", "v1.031", "v1.+3", "v2.1", "v1.31.0"] {
            assert!(text.parse::<PodSecurityVersion>().is_err(), "{text}");
        }
    }
}
