//! Clients of the cluster under test.

use anyhow::Context as _;
use kube::{Client, Config, config::KubeConfigOptions};

use crate::chaos_proxy::ChaosProxy;

/// Address with a reserved port, on which no server listens.
const UNREACHABLE: &str = "http://127.0.0.1:9";

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
    install_tls_provider();
    Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .context("no test cluster: run `cargo xtask test control-plane` or `cargo xtask test node`")
}

/// Returns a client whose requests fail, for programs that send none.
///
/// # Errors
/// Returns an error if the client cannot be built.
pub fn unreachable_client() -> anyhow::Result<Client> {
    install_tls_provider();
    Ok(k8s_client::connect(Config::new(UNREACHABLE.parse()?))?)
}

/// Two TLS providers are linked, so one must be installed. A second call fails, since the same one is installed already.
fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Returns a proxy to the Kubernetes API, and an administrator's client that connects through it.
///
/// # Errors
/// Returns the errors of [`client`], or an error if no port is free.
pub async fn client_behind_proxy() -> anyhow::Result<(ChaosProxy, Client)> {
    let mut config = config().await?;
    let (proxy, url) = proxy_of(&config).await?;
    config.cluster_url = url;
    Ok((proxy, k8s_client::connect(config)?))
}

/// Returns a proxy to the Kubernetes API, and its URL.
async fn proxy_of(config: &Config) -> anyhow::Result<(ChaosProxy, http::Uri)> {
    let authority = config.cluster_url.authority().context("the URL of the cluster has no host")?;
    let upstream = tokio::net::lookup_host(authority.as_str()).await?.next();
    let proxy = ChaosProxy::start(upstream.context("the host of the cluster has no address")?).await?;
    // The certificate of the test cluster is for this address.
    let url = format!("https://{}", proxy.address()).parse()?;
    Ok((proxy, url))
}

/// Returns a client that impersonates `user` with these groups.
///
/// # Errors
/// Returns the errors of [`client`].
pub async fn client_as(user: &str, groups: &[&str]) -> anyhow::Result<Client> {
    let mut config = config().await?;
    impersonate(&mut config, user, groups);
    Ok(k8s_client::connect(config)?)
}

/// Returns a proxy to the Kubernetes API, and a client that connects through it and impersonates `user` with these groups.
///
/// # Errors
/// Returns the errors of [`client_behind_proxy`].
pub async fn client_behind_proxy_as(user: &str, groups: &[&str]) -> anyhow::Result<(ChaosProxy, Client)> {
    let mut config = config().await?;
    let (proxy, url) = proxy_of(&config).await?;
    config.cluster_url = url;
    impersonate(&mut config, user, groups);
    Ok((proxy, k8s_client::connect(config)?))
}

fn impersonate(config: &mut Config, user: &str, groups: &[&str]) {
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups =
        (!groups.is_empty()).then(|| groups.iter().map(|group| (*group).to_owned()).collect());
}

/// Returns a name that no other test uses: `<prefix>-<8 hex digits>`, a DNS-1035 label if `prefix` is one.
#[must_use]
pub fn unique(prefix: &str) -> String {
    // The end of a UUIDv7 is random; its beginning is the time.
    let id = telemetry::ids::uuid_v7().simple().to_string();
    format!("{prefix}-{}", id.get(24..).unwrap_or_default())
}
