//! A pod: a runner with a real step host.

use std::{
    path::PathBuf,
    process::{Child, Command},
};

use domain::hosts::{Host, HostKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::memory::{Memory, PodStore};
use crate::{
    hosts::Connections,
    logs::{Logs, Shipping},
    run::{Held, Left, RunError, Setting, execute},
};

/// A pod that executes the run from when it is made. Dropping it is the loss of the pod.
pub(super) struct Pod {
    runner: JoinHandle<Result<Left, RunError>>,
    pub(super) stop: CancellationToken,
    hosts: Vec<Child>,
    dir: PathBuf,
}

impl Pod {
    /// Assigns the run to a new pod of this name.
    pub(super) fn start(memory: &Memory, pod: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("smb-pod-{pod}-{}", telemetry::ids::uuid_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        memory.write_secrets(&dir.join("secrets"));
        let hosts = domain::hosts::hosts(&memory.spec(), "python");
        let hosts = hosts.all().iter().map(|host| step_host(&dir, host)).collect();
        let stop = CancellationToken::new();
        let runner = tokio::spawn(run(memory.clone(), pod.to_owned(), dir.clone(), stop.clone()));
        Self { runner, stop, hosts, dir }
    }

    /// How the run left this pod.
    pub(super) async fn left(mut self) -> Left {
        (&mut self.runner).await.unwrap().unwrap()
    }

    /// Loses the pod as by `kill -9`: nothing is said to anyone.
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

async fn run(
    memory: Memory,
    pod: String,
    sockets: PathBuf,
    stop: CancellationToken,
) -> Result<Left, RunError> {
    let shipping = memory.api().map(|api| Shipping { api, pod: pod.clone() });
    let (logs, writer) = Logs::start(tokio::io::sink(), shipping);
    let mut assignments = memory.assign(&pod);
    let held = Held::of(memory.run(), &pod).unwrap();
    let api = memory.api();
    let store = PodStore { memory, pod: pod.clone() };
    let secrets = sockets.join("secrets");
    let setting = Setting {
        store: &store,
        pod_uid: &pod,
        python_image: "python",
        hosts: Connections::open(&sockets).unwrap(),
        secrets: &secrets,
        api: api.as_ref(),
        logs,
        stop,
    };
    let left = execute(&setting, held, &mut assignments).await;
    drop(setting);
    writer.await.unwrap().unwrap();
    left
}

fn step_host(dir: &std::path::Path, host: &Host) -> Child {
    let harness = concat!(env!("CARGO_MANIFEST_DIR"), "/../step-host/python/harness.py");
    let here = std::env::current_exe().unwrap();
    let binary = here.ancestors().nth(2).unwrap().join("step-host");
    assert!(binary.exists(), "{} is not there: run `cargo build -p step-host`", binary.display());
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
