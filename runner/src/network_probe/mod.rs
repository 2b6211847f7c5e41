//! Probe of the cluster's network policies, in two pods that the operator creates: one accepts connections on several ports, and the
//! other reports to which of these ports it can connect. The operator compares that with what the policies allow.

mod connect;
mod listen;

use std::{
    io::{self, Write as _},
    net::IpAddr,
    process::ExitCode,
    time::Duration,
};

use self::connect::Ports;

/// First argument with which the program is a probe instead of a runner.
pub(crate) const SUBCOMMAND: &str = "network-probe";

/// File whose content Kubernetes shows in the status of the pod.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Checks whether the cluster enforces network policies.
#[derive(Debug, clap::Parser)]
#[command(name = SUBCOMMAND)]
enum Probe {
    /// Accepts connections until the pod is deleted.
    Listen {
        /// Address of this pod.
        #[arg(long, env = "POD_IP")]
        address: IpAddr,
        /// Comma-separated ports.
        #[arg(long, value_delimiter = ',', required = true)]
        ports: Vec<u16>,
    },
    /// Connects to the ports of the other pod, and writes which of them are open.
    Connect {
        /// Address of the other pod.
        #[arg(long)]
        address: IpAddr,
        #[command(flatten)]
        ports: Ports,
        /// Time after which policies that deny nothing count as not enforced, in seconds.
        #[arg(long)]
        timeout: u64,
    },
}

/// Runs the probe that the arguments after [`SUBCOMMAND`] describe.
pub(crate) async fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let done = match <Probe as clap::Parser>::parse_from(arguments) {
        Probe::Listen { address, ports } => listen::listen(address, &ports).await,
        Probe::Connect { address, ports, timeout } => {
            let reachable = connect::until_enforced(address, &ports, Duration::from_secs(timeout)).await;
            let text = serde_json::to_string(&reachable).expect("a struct of booleans is valid JSON");
            tokio::fs::write(TERMINATION_LOG, text).await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "the network probe failed: {error}");
            ExitCode::FAILURE
        }
    }
}
