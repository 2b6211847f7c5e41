//! The api-server as a process, with the identity that the chart gives it.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command},
    time::Duration,
};

use serde_json::json;
use tests::{
    api_router::TestIssuer,
    child_process,
    cluster::{self, unique},
    operator_process::{self, NAMESPACE},
    wait::until,
};

use super::platform::Platform;

/// Ten times what a start with the mirror's first lists takes.
const READY_DEADLINE: Duration = Duration::from_secs(120);
const ACCOUNT: &str = "smb-copilot-api-server";
const PROGRAM: &str = "api-server";

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    shell: Child,
}

impl Server {
    /// Starts a server, and waits until it has mirrored the tenant and its workflows.
    pub(crate) async fn start(platform: &Platform) -> anyhow::Result<Self> {
        let issuer = TestIssuer::start().await?;
        let [address, internal, health] = free_addresses()?;
        let url = &platform.database.url;
        let folder = operator_process::directory()?;
        let mut command = Command::new(child_process::built_program(PROGRAM)?);
        command
            .env("KUBECONFIG", operator_process::write_kubeconfig(&cluster::client().await?, ACCOUNT).await?)
            .env("SMBCOPILOT_MIGRATION_DATABASE_URL", url)
            .env("SMBCOPILOT_DATABASE_URL", url)
            .env("SMBCOPILOT_MIRROR_DATABASE_URL", url)
            .env("SMBCOPILOT_HTTP_ADDR", address.to_string())
            .env("SMBCOPILOT_INTERNAL_LISTEN", internal.to_string())
            .env("SMBCOPILOT_HEALTH_ADDR", health.to_string())
            .env("SMBCOPILOT_OIDC_ISSUERS", json!([issuer.configuration()]).to_string())
            .env("SMBCOPILOT_CURSOR_KEY", "a key of the benchmark")
            .env("SMBCOPILOT_RELEASE_NAMESPACE", NAMESPACE)
            // One address may not open a thousand connections unless it is a proxy.
            .env("SMBCOPILOT_TRUSTED_PROXIES", "127.0.0.1/32")
            .env("POD_NAME", unique("api-server"));
        let shell = child_process::start(&command, &folder.join("api-server.log"))?;
        let token = issuer.token(&platform.slug)?;
        let server = Self { address, token, shell };
        let ready = async || {
            let ready = reqwest::get(format!("http://{health}/readyz")).await;
            Ok(ready.is_ok_and(|response| response.status().is_success()))
        };
        let log = folder.join("api-server.log");
        let what = format!("the api-server is ready (its log is {})", log.display());
        until(&what, READY_DEADLINE, ready, |ready| *ready).await?;
        Ok(server)
    }

    /// Returns the resident memory, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        child_process::status_bytes(&self.shell, PROGRAM, "VmRSS")
    }

    /// Returns the processor time that the process has used.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        child_process::processor_time(&self.shell, PROGRAM)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The shell kills the server when its standard input ends.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Returns three addresses whose ports were free a moment ago.
fn free_addresses() -> anyhow::Result<[SocketAddr; 3]> {
    let bind = || TcpListener::bind("127.0.0.1:0");
    let [one, two, three] = [bind()?, bind()?, bind()?];
    Ok([one.local_addr()?, two.local_addr()?, three.local_addr()?])
}
