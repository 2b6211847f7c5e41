//! A container in which steps run: no token, another user than the runner's.

use crds::{constants::HOST_UID, names};
use domain::hosts::{Host, HostKind};
use k8s_openapi::{
    api::core::v1::{Container, EnvVar, ResourceRequirements, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    Wanted,
    runner::{Amounts, mount},
    security,
};

/// Local disk that a container requests; what it may use is bounded by its volumes.
pub(super) const DISK: &str = "64Mi";

/// Where step-host is put for an image that knows nothing of us.
const PROGRAM_DIRECTORY: &str = "/run/smb-bin";
/// The volume of it, one a pod.
pub(super) const PROGRAM_VOLUME: &str = "step-host";
/// Where each step gets a directory of its own.
const WORK_DIRECTORY: &str = "/run/smb-work";
/// Where code writes to although it is given a directory of its own.
const SCRATCH_DIRECTORY: &str = "/tmp";

/// The container.
pub(super) fn container(wanted: &Wanted<'_>, host: &Host) -> Container {
    let Host { index, kind, image, parallelism: _, cpu, memory, preload: _ } = host;
    let requests =
        amounts(&[("cpu", cpu.as_str()), ("memory", memory.as_str()), ("ephemeral-storage", DISK)]);
    let limits = amounts(&[("memory", memory.as_str())]);
    let mut mounts = vec![
        mount(&socket_volume(*index), &names::host_directory(*index)),
        mount(&work_volume(*index), WORK_DIRECTORY),
        mount(&tmp_volume(*index), SCRATCH_DIRECTORY),
    ];
    let command = match kind {
        HostKind::Python => None,
        HostKind::Foreign => {
            mounts.push(VolumeMount { read_only: Some(true), ..mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY) });
            Some(vec![format!("{PROGRAM_DIRECTORY}/step-host")])
        }
    };
    Container {
        name: names::host_container(*index),
        image: Some(image.clone()),
        image_pull_policy: Some(wanted.ctx_config.image_pull_policy.clone()),
        command,
        env: Some(environment(host)),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            limits: Some(limits),
            claims: None,
        }),
        security_context: Some(security::container(HOST_UID)),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn environment(host: &Host) -> Vec<EnvVar> {
    let said =
        |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let mut all = vec![
        said("SMBCOPILOT_SOCKET", names::host_socket(host.index)),
        said("SMBCOPILOT_WORK_DIR", WORK_DIRECTORY.to_owned()),
        said("SMBCOPILOT_SCRATCH", SCRATCH_DIRECTORY.to_owned()),
    ];
    if !host.preload.is_empty() {
        all.push(said("SMBCOPILOT_PRELOAD", host.preload.iter().cloned().collect::<Vec<_>>().join(",")));
    }
    if host.kind == HostKind::Foreign {
        all.push(said("SMBCOPILOT_KIND", "container".to_owned()));
        // The image's own user, whose home it is, is not the one that runs.
        all.push(said("HOME", SCRATCH_DIRECTORY.to_owned()));
    }
    all
}

/// What puts step-host where foreign images find it. Only pods with such an image pay for it.
pub(super) fn installer(wanted: &Wanted<'_>) -> Container {
    let command = ["/usr/local/bin/step-host", "install", PROGRAM_DIRECTORY];
    let requests = amounts(&[("cpu", "10m"), ("memory", "16Mi"), ("ephemeral-storage", "16Mi")]);
    Container {
        name: "install-step-host".to_owned(),
        image: Some(wanted.ctx_config.runner_image.clone()),
        image_pull_policy: Some(wanted.ctx_config.image_pull_policy.clone()),
        command: Some(command.map(str::to_owned).into()),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            limits: Some(amounts(&[("memory", "32Mi")])),
            claims: None,
        }),
        security_context: Some(security::container(HOST_UID)),
        volume_mounts: Some(vec![mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY)]),
        ..Container::default()
    }
}

/// The volume of a host's socket.
pub(super) fn socket_volume(index: usize) -> String {
    format!("socket-{index}")
}

/// The directories of a host's steps.
pub(super) fn work_volume(index: usize) -> String {
    format!("work-{index}")
}

/// A host's scratch space.
pub(super) fn tmp_volume(index: usize) -> String {
    format!("tmp-{index}")
}

/// Amounts by resource.
pub(super) fn amounts(of: &[(&str, &str)]) -> Amounts {
    of.iter().map(|(resource, amount)| ((*resource).to_owned(), Quantity((*amount).to_owned()))).collect()
}
