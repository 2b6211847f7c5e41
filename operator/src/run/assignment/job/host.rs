//! A host container, in which steps are executed. It has no token, and runs as another user than the runner.

use crds::{Quantity, names};
use domain::hosts::{Host, HostKind};
use k8s_openapi::api::core::v1::{Container, EnvVar, ResourceRequirements, Volume};

use super::{
    input::JobInput,
    resources::{DISK_REQUEST, quantities},
    security,
    volumes::{memory_dir, mount, read_only_mount, socket_volume},
};

/// Directory with `step-host` in containers whose image does not contain it.
const PROGRAM_DIRECTORY: &str = "/run/smb-bin";
/// Volume with `step-host`, one per pod.
pub(super) const PROGRAM_VOLUME: &str = "step-host";
/// Directory for the files of steps, in which each step has a directory of its own.
const FILES_DIRECTORY: &str = "/tmp";
/// Directories that the containers of a pod share, with the memory and the queues of their processes.
const SHARED_DIRECTORIES: &str = "/dev/shm:/dev/mqueue";

/// Returns the container of a host.
pub(super) fn container(input: &JobInput<'_>, host: &Host) -> Container {
    let Host { index, kind, image, parallelism: _, cpu, memory, preload: _ } = host;
    let requests = quantities(&[
        ("cpu", cpu.as_str()),
        ("memory", memory.as_str()),
        ("ephemeral-storage", DISK_REQUEST),
    ]);
    let mut limits = vec![("memory", memory.as_str())];
    let cpu_limit = cpu_limit(input, cpu);
    limits.extend(cpu_limit.as_ref().map(|limit| ("cpu", limit.as_str())));
    let limits = quantities(&limits);
    let mut mounts = vec![
        mount(&socket_volume(*index), &names::host_directory(*index)),
        mount(&files_volume_name(*index), FILES_DIRECTORY),
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
        security_context: Some(security::container(input.user)),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

/// Returns the CPU limit of a host: that of the plan, but at least what the host requests.
fn cpu_limit(input: &JobInput<'_>, requested: &Quantity) -> Option<Quantity> {
    let limit = input.plan?.spec.runners.as_ref()?.cpu_limit.clone()?;
    let is_lower =
        matches!((limit.to_milli(), requested.to_milli()), (Ok(limit), Ok(requested)) if limit < requested);
    Some(if is_lower { requested.clone() } else { limit })
}

fn environment(host: &Host) -> Vec<EnvVar> {
    let variable =
        |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let mut all = vec![
        variable("SMBCOPILOT_SOCKET", names::host_socket(host.index)),
        variable("SMBCOPILOT_WORK_DIR", FILES_DIRECTORY.to_owned()),
        variable("SMBCOPILOT_SCRATCH", FILES_DIRECTORY.to_owned()),
        variable("SMBCOPILOT_SHARED_DIRS", SHARED_DIRECTORIES.to_owned()),
    ];
    if !host.preload.is_empty() {
        all.push(variable("SMBCOPILOT_PRELOAD", host.preload.iter().cloned().collect::<Vec<_>>().join(",")));
    }
    if host.kind == HostKind::Foreign {
        all.push(variable("SMBCOPILOT_KIND", "container".to_owned()));
        // The home directory of the image's own user may not be writable for the user of the container.
        all.push(variable("HOME", FILES_DIRECTORY.to_owned()));
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
        security_context: Some(security::container(input.user)),
        volume_mounts: Some(vec![mount(PROGRAM_VOLUME, PROGRAM_DIRECTORY)]),
        ..Container::default()
    }
}

/// Returns the volume for the files of a host's steps, in memory.
///
/// Only there does the kernel enforce a size. The kubelet counts a directory on disk once a minute, does not count files that
/// are open and deleted, and ends the whole pod; until then a step can fill the node's disk for all tenants. Files in
/// memory count towards the memory limit of the host. They get half of it, so that a full volume does not end the host.
pub(super) fn files_volume(host: &Host) -> Volume {
    let bytes = host.memory.to_milli().unwrap_or_default() / 1000 / 2;
    memory_dir(&files_volume_name(host.index), &bytes.to_string())
}

fn files_volume_name(index: usize) -> String {
    format!("files-{index}")
}
