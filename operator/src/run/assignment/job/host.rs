//! A host container, in which steps are executed. It has no token, and runs as another user than the runner.

use crds::{constants::HOST_UID, names};
use domain::hosts::{Host, HostKind};
use k8s_openapi::api::core::v1::{Container, EnvVar, ResourceRequirements};

use super::{
    input::JobInput,
    resources::{DISK_REQUEST, quantities},
    security,
    volumes::{mount, read_only_mount, socket_volume},
};

/// Directory with `step-host` in containers whose image does not contain it.
const PROGRAM_DIRECTORY: &str = "/run/smb-bin";
/// Volume with `step-host`, one per pod.
pub(super) const PROGRAM_VOLUME: &str = "step-host";
/// Directory in which each step gets a directory of its own.
const WORK_DIRECTORY: &str = "/run/smb-work";
/// Directory for code that writes outside its own directory.
const SCRATCH_DIRECTORY: &str = "/tmp";

/// Returns the container of a host.
pub(super) fn container(input: &JobInput<'_>, host: &Host) -> Container {
    let Host { index, kind, image, parallelism: _, cpu, memory, preload: _ } = host;
    let requests = quantities(&[
        ("cpu", cpu.as_str()),
        ("memory", memory.as_str()),
        ("ephemeral-storage", DISK_REQUEST),
    ]);
    let limits = quantities(&[("memory", memory.as_str())]);
    let mut mounts = vec![
        mount(&socket_volume(*index), &names::host_directory(*index)),
        mount(&work_volume(*index), WORK_DIRECTORY),
        mount(&tmp_volume(*index), SCRATCH_DIRECTORY),
    ];
    let command = match kind {
        HostKind::Python => None,
        HostKind::Foreign => {
            mounts.push(read_only_mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY));
            Some(vec![format!("{PROGRAM_DIRECTORY}/step-host")])
        }
    };
    Container {
        name: names::host_container(*index),
        image: Some(image.clone()),
        image_pull_policy: Some(input.config.image_pull_policy.clone()),
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
    let variable =
        |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let mut all = vec![
        variable("SMBCOPILOT_SOCKET", names::host_socket(host.index)),
        variable("SMBCOPILOT_WORK_DIR", WORK_DIRECTORY.to_owned()),
        variable("SMBCOPILOT_SCRATCH", SCRATCH_DIRECTORY.to_owned()),
    ];
    if !host.preload.is_empty() {
        all.push(variable("SMBCOPILOT_PRELOAD", host.preload.iter().cloned().collect::<Vec<_>>().join(",")));
    }
    if host.kind == HostKind::Foreign {
        all.push(variable("SMBCOPILOT_KIND", "container".to_owned()));
        // The home directory of the image's own user may not be writable for the user of the container.
        all.push(variable("HOME", SCRATCH_DIRECTORY.to_owned()));
    }
    all
}

/// Returns the init container that copies `step-host` for images that do not contain it. Only pods with such an image
/// have it, since an init container delays the start of the pod.
pub(super) fn installer(input: &JobInput<'_>) -> Container {
    let command = ["/usr/local/bin/step-host", "install", PROGRAM_DIRECTORY];
    let requests = quantities(&[("cpu", "10m"), ("memory", "16Mi"), ("ephemeral-storage", "16Mi")]);
    Container {
        name: "install-step-host".to_owned(),
        image: Some(input.config.runner_image.clone()),
        image_pull_policy: Some(input.config.image_pull_policy.clone()),
        command: Some(command.map(str::to_owned).into()),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            limits: Some(quantities(&[("memory", "32Mi")])),
            claims: None,
        }),
        security_context: Some(security::container(HOST_UID)),
        volume_mounts: Some(vec![mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY)]),
        ..Container::default()
    }
}

/// Returns the name of the volume with the directories of a host's steps.
pub(super) fn work_volume(index: usize) -> String {
    format!("work-{index}")
}

/// Returns the name of the volume with a host's temporary files.
pub(super) fn tmp_volume(index: usize) -> String {
    format!("tmp-{index}")
}
