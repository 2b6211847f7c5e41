//! Clients of the cluster under test.

use anyhow::Context as _;
use kube::{Client, Config, config::KubeConfigOptions};

/// Returns a client of the cluster in `KUBECONFIG`, as its administrator.
///
/// # Errors
/// Returns an error if `KUBECONFIG` is not set or not valid: the tests were not started by `cargo xtask test`.
pub async fn client() -> anyhow::Result<Client> {
    Ok(k8s_client::connect(config().await?)?)
}

/// Returns the configuration of [`client`], for clients with another identity.
///
/// # Errors
/// Returns the errors of [`client`].
pub async fn config() -> anyhow::Result<Config> {
    // Two TLS providers are linked, so one must be installed. A second call fails, since the same one is
    // installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .context("no test cluster: run `cargo xtask test control-plane` or `cargo xtask test node`")
}

/// Returns a client that impersonates `user` with these groups.
///
/// # Errors
/// Returns the errors of [`client`].
pub async fn client_as(user: &str, groups: &[&str]) -> anyhow::Result<Client> {
    let mut config = config().await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups =
        (!groups.is_empty()).then(|| groups.iter().map(|group| (*group).to_owned()).collect());
    Ok(Client::try_from(config)?)
}

/// Returns a name that no other test uses: `<prefix>-<8 hex digits>`, a DNS-1035 label if `prefix` is one.
#[must_use]
pub fn unique(prefix: &str) -> String {
    // The end of a UUIDv7 is random; its beginning is the time.
    let id = telemetry::ids::uuid_v7().simple().to_string();
    format!("{prefix}-{}", id.get(24..).unwrap_or_default())
}
