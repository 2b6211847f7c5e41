//! Volumes that several containers of a runner pod mount, and their mounts.

use k8s_openapi::{
    api::core::v1::{EmptyDirVolumeSource, Volume, VolumeMount},
    apimachinery::pkg::api::resource::Quantity,
};

/// Returns a mount of a volume.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

/// Returns a read-only mount of a volume.
pub(super) fn read_only_mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}

/// Returns an `emptyDir` volume with a size limit.
pub(super) fn empty_dir(name: &str, size_limit: &str) -> Volume {
    let size_limit = Some(Quantity(size_limit.to_owned()));
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { size_limit, ..EmptyDirVolumeSource::default() }),
        ..Volume::default()
    }
}

/// Returns a volume in memory with a size limit, which the kernel enforces.
pub(super) fn memory_dir(name: &str, size_limit: &str) -> Volume {
    let mut volume = empty_dir(name, size_limit);
    if let Some(directory) = &mut volume.empty_dir {
        directory.medium = Some("Memory".to_owned());
    }
    volume
}

/// Returns the name of the volume with the socket of a host, which the runner and the host mount.
pub(super) fn socket_volume(index: usize) -> String {
    format!("socket-{index}")
}
