//! Volumes with the Secrets that a workflow names. Only the runner container mounts them.

use crds::{names, workflow::WorkflowSecret};
use k8s_openapi::api::core::v1::{SecretVolumeSource, Volume, VolumeMount};

use super::volumes::read_only_mount;

/// File mode: readable for the group of the pod, which includes the runner. Hosts do not mount the volumes.
const MODE: i32 = 0o440;

/// Returns one volume for each Secret.
pub(super) fn volumes(secrets: &[WorkflowSecret]) -> Vec<Volume> {
    secrets
        .iter()
        .map(|WorkflowSecret { name, secret_ref }| Volume {
            name: volume_name(name),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret_ref.name.clone()),
                default_mode: Some(MODE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        })
        .collect()
}

/// Returns one mount for each Secret: a directory with one file per key.
pub(super) fn mounts(secrets: &[WorkflowSecret]) -> impl Iterator<Item = VolumeMount> {
    secrets.iter().map(|WorkflowSecret { name, .. }| {
        read_only_mount(&volume_name(name), &names::secret_directory(name))
    })
}

fn volume_name(name: &str) -> String {
    format!("secret-{name}")
}
