//! Pod for tests: a runner with real step hosts.

use std::{
    path::PathBuf,
    process::{Child, Command},
};

use domain::hosts::{Host, HostKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::memory_cluster::{MemoryCluster, PodCluster};
use crate::{
    logs::{LogExporter, Logs},
    run::{
        RunnerContext,
        assigned_run::AssignedRun,
        execute,
        exit::{RunError, RunExit},
    },
    step_host::HostConnections,
};

/// Pod that executes the run from its creation on. Dropping it simulates the loss of the pod.
pub(super) struct Pod {
    runner: JoinHandle<Result<RunExit, RunError>>,
    pub(super) stop: CancellationToken,
    hosts: Vec<Child>,
    dir: PathBuf,
}

impl Pod {
    /// Starts a pod with this name and assigns the run to it.
    pub(super) fn start(memory: &MemoryCluster, pod: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-pod-{pod}-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        memory.write_secrets(&dir.join("secrets"));
        let hosts = domain::hosts::Hosts::for_workflow(&memory.spec(), "python");
        let hosts = hosts.all().iter().map(|host| start_step_host(&dir, host)).collect();
        let stop = CancellationToken::new();
        let runner = tokio::spawn(run(memory.clone(), pod.to_owned(), dir.clone(), stop.clone()));
        Self { runner, stop, hosts, dir }
    }

    /// Waits for the end of the execution in this pod.
    pub(super) async fn exit(mut self) -> RunExit {
        (&mut self.runner).await.unwrap().unwrap()
    }

    /// Ends the pod as by `kill -9`, without any notification.
    pub(super) async fn lose(mut self) {
        self.runner.abort();
        assert!((&mut self.runner).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.runner.abort();
        for host in &mut self.hosts {
            let _ = host.kill();
            let _ = host.wait();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Executes the run that is assigned to the pod.
async fn run(
    memory: MemoryCluster,
    pod: String,
    sockets: PathBuf,
    stop: CancellationToken,
) -> Result<RunExit, RunError> {
    let exporter = memory.api().map(|api| LogExporter { api, pod: pod.clone() });
    let (logs, writer) = Logs::start(tokio::io::sink(), exporter);
    let mut assignments = memory.assign(&pod);
    let assigned = AssignedRun::parse(memory.run(), &pod).unwrap();
    let api = memory.api();
    let cluster = PodCluster { memory, pod: pod.clone() };
    let secrets = sockets.join("secrets");
    let context = RunnerContext {
        cluster: &cluster,
        pod_uid: &pod,
        python_image: "python",
        hosts: HostConnections::open(&sockets).unwrap(),
        secrets: &secrets,
        api: api.as_ref(),
        logs,
        stop,
    };
    let exit = execute(&context, assigned, &mut assignments).await;
    drop(context);
    writer.await.unwrap().unwrap();
    exit
}

/// Starts a step host with its own directory.
pub(super) fn start_step_host(dir: &std::path::Path, host: &Host) -> Child {
    let harness = concat!(env!("CARGO_MANIFEST_DIR"), "/../step-host/python/harness.py");
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join("step-host");
    assert!(binary.exists(), "{} does not exist: run `cargo build -p step-host`", binary.display());
    let kind = match host.kind {
        HostKind::Python => "python",
        HostKind::Foreign => "container",
    };
    let own = dir.join(format!("host-{}", host.index));
    std::fs::create_dir_all(&own).unwrap();
    let uid = std::fs::metadata(dir).map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
    Command::new(binary)
        .arg("--socket")
        .arg(own.join("host.sock"))
        .args(["--kind", kind])
        .args(["--harness", harness, "--runner-uid", &uid.to_string()])
        .arg("--work-dir")
        .arg(own)
        .spawn()
        .unwrap()
}
