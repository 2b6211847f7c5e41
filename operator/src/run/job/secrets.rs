//! The Secrets that a workflow names, in the runner's container and in no other.

use crds::{names, workflow::WorkflowSecret};
use k8s_openapi::api::core::v1::{SecretVolumeSource, Volume, VolumeMount};

use super::runner::mount;

/// For the pod's group, which is the runner's; hosts mount none of it.
const MODE: i32 = 0o440;

/// A volume for each.
pub(super) fn volumes(secrets: &[WorkflowSecret]) -> Vec<Volume> {
    secrets
        .iter()
        .map(|WorkflowSecret { name, secret_ref }| Volume {
            name: volume(name),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret_ref.name.clone()),
                default_mode: Some(MODE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        })
        .collect()
}

/// A directory for each, with a file a key.
pub(super) fn mounts(secrets: &[WorkflowSecret]) -> impl Iterator<Item = VolumeMount> {
    secrets.iter().map(|WorkflowSecret { name, .. }| VolumeMount {
        read_only: Some(true),
        ..mount(&volume(name), &names::secret_directory(name))
    })
}

fn volume(name: &str) -> String {
    format!("secret-{name}")
}
