//! A container in which steps run: no token, another user than the runner's.

use crds::{constants::HOST_UID, names};
use domain::hosts::Host;
use k8s_openapi::{
    api::core::v1::{Container, EnvVar, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    Wanted,
    runner::{Amounts, mount},
    security,
};

/// Local disk that a container requests; what it may use is bounded by its volumes.
pub(super) const DISK: &str = "64Mi";

/// The container.
pub(super) fn container(wanted: &Wanted<'_>, host: &Host) -> Container {
    let Host { index, kind: _, image, parallelism: _, cpu, memory, preload } = host;
    let socket = EnvVar {
        name: "SMB_SOCKET".to_owned(),
        value: Some(names::host_socket(*index)),
        ..EnvVar::default()
    };
    let preload = (!preload.is_empty()).then(|| EnvVar {
        name: "SMB_PRELOAD".to_owned(),
        value: Some(preload.iter().cloned().collect::<Vec<_>>().join(",")),
        ..EnvVar::default()
    });
    let requests =
        amounts(&[("cpu", cpu.as_str()), ("memory", memory.as_str()), ("ephemeral-storage", DISK)]);
    let limits = amounts(&[("memory", memory.as_str())]);
    Container {
        name: names::host_container(*index),
        image: Some(image.clone()),
        image_pull_policy: Some(wanted.ctx_config.image_pull_policy.clone()),
        env: Some([socket].into_iter().chain(preload).collect()),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            limits: Some(limits),
            claims: None,
        }),
        security_context: Some(security::container(HOST_UID)),
        volume_mounts: Some(vec![
            mount(&socket_volume(*index), &names::host_directory(*index)),
            mount(&tmp_volume(*index), "/tmp"),
        ]),
        ..Container::default()
    }
}

/// The volume of a host's socket.
pub(super) fn socket_volume(index: usize) -> String {
    format!("socket-{index}")
}

/// A host's scratch space.
pub(super) fn tmp_volume(index: usize) -> String {
    format!("tmp-{index}")
}

/// Amounts by resource.
pub(super) fn amounts(of: &[(&str, &str)]) -> Amounts {
    of.iter().map(|(resource, amount)| ((*resource).to_owned(), Quantity((*amount).to_owned()))).collect()
}
