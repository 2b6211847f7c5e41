//! The cluster under test.

use anyhow::Context as _;
use kube::{Client, Config, config::KubeConfigOptions};

/// A client of the cluster that `KUBECONFIG` names, as its administrator.
///
/// # Errors
/// `KUBECONFIG` is unset or unusable: then the tests were not started by `cargo xtask test`.
pub async fn client() -> anyhow::Result<Client> {
    Ok(k8s_client::connect(config().await?)?)
}

/// The configuration behind [`client`], to act as somebody else.
///
/// # Errors
/// As [`client`].
pub async fn config() -> anyhow::Result<Config> {
    // Two providers are linked; a second call finds the first one's choice, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .context("no test cluster: run `cargo xtask test control-plane` or `cargo xtask test node`")
}

/// A client that impersonates `user` (in `groups`), as far as the administrator may.
///
/// # Errors
/// As [`client`].
pub async fn client_as(user: &str, groups: &[&str]) -> anyhow::Result<Client> {
    let mut config = config().await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups =
        (!groups.is_empty()).then(|| groups.iter().map(|group| (*group).to_owned()).collect());
    Ok(Client::try_from(config)?)
}

/// A name no other scenario uses: `<prefix>-<8 hex digits>`, a DNS-1035 label if `prefix` is one.
#[must_use]
pub fn unique(prefix: &str) -> String {
    // The tail of a UUIDv7 is random; its head is the time.
    let id = telemetry::ids::uuid_v7().simple().to_string();
    format!("{prefix}-{}", id.get(24..).unwrap_or_default())
}
