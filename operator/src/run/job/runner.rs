//! The container that executes the run, and alone has a token.

use std::collections::BTreeMap;

use crds::{constants::RUNNER_UID, names};
use domain::hosts::Host;
use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvVar, EnvVarSource,
        KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, ResourceRequirements,
        ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::{Wanted, host, secrets, security};

const TOKEN_VOLUME: &str = "token";
const API_TOKEN_VOLUME: &str = "api-token";
const TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The shortest that the API server gives; the kubelet renews it.
const TOKEN_SECONDS: i64 = 600;
/// Scratch space of the runner: its root file system is read-only.
pub(super) const TMP_VOLUME: &str = "tmp";

/// What the runner takes where the plan says nothing.
const DEFAULT_CPU: &str = "50m";
const DEFAULT_MEMORY: &str = "64Mi";
/// The runner holds outputs and responses of a few steps in memory; beyond this it is broken.
const MEMORY_LIMIT: &str = "256Mi";

/// The container.
pub(super) fn container(wanted: &Wanted<'_>, hosts: &[Host]) -> Container {
    let mut mounts = vec![
        VolumeMount { read_only: Some(true), ..mount(TOKEN_VOLUME, TOKEN_DIRECTORY) },
        mount(TMP_VOLUME, "/tmp"),
    ];
    let sockets =
        hosts.iter().map(|host| mount(&host::socket_volume(host.index), &names::host_directory(host.index)));
    mounts.extend(sockets);
    mounts.extend(secrets::mounts(&wanted.revision.spec.secrets));
    mounts.extend(wanted.ctx_config.internal_api_url.as_ref().map(|_| VolumeMount {
        read_only: Some(true),
        ..mount(API_TOKEN_VOLUME, names::API_TOKEN_DIRECTORY)
    }));
    Container {
        name: names::RUNNER_CONTAINER.to_owned(),
        image: Some(wanted.ctx_config.runner_image.clone()),
        image_pull_policy: Some(wanted.ctx_config.image_pull_policy.clone()),
        env: Some(environment(wanted)),
        resources: Some(resources(wanted)),
        security_context: Some(security::container(RUNNER_UID)),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn environment(wanted: &Wanted<'_>) -> Vec<EnvVar> {
    let own = |name: &str, path: &str| {
        let field = ObjectFieldSelector { field_path: path.to_owned(), api_version: None };
        let from = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
        EnvVar { name: name.to_owned(), value: None, value_from: Some(from) }
    };
    let said = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        value_from: None,
    };
    let mut all = vec![
        own("POD_NAME", "metadata.name"),
        own("POD_NAMESPACE", "metadata.namespace"),
        own("POD_UID", "metadata.uid"),
        said("SMBCOPILOT_TENANT", &wanted.tenant),
        said("SMBCOPILOT_PYTHON_IMAGE", &wanted.ctx_config.python_image),
    ];
    if wanted.stays() {
        all.push(said("SMBCOPILOT_STAY", "true"));
    }
    all.extend(wanted.ctx_config.internal_api_url.as_ref().map(|url| said("SMBCOPILOT_API_URL", url)));
    all
}

fn resources(wanted: &Wanted<'_>) -> ResourceRequirements {
    let runners = wanted.plan.and_then(|plan| plan.spec.runners.as_ref());
    let amounts = runners.and_then(|runners| runners.resources.clone()).unwrap_or_default();
    let or = |amount: Option<crds::Quantity>, default: &str| {
        amount.map_or_else(|| default.to_owned(), |amount| amount.to_string())
    };
    let memory = or(amounts.memory.clone(), DEFAULT_MEMORY);
    let limit = if amounts.memory.is_some() { memory.clone() } else { MEMORY_LIMIT.to_owned() };
    let limits = host::amounts(&[("memory", &limit)]);
    let requests = host::amounts(&[
        ("cpu", &or(amounts.cpu, DEFAULT_CPU)),
        ("memory", &memory),
        ("ephemeral-storage", &or(amounts.ephemeral_storage, host::DISK)),
    ]);
    ResourceRequirements { requests: Some(requests), limits: Some(limits), claims: None }
}

/// What a service account's token usually comes with, but short-lived and bound to this pod.
pub(super) fn token_volume() -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".to_owned(),
        expiration_seconds: Some(TOKEN_SECONDS),
        audience: None,
    };
    let authority = ConfigMapProjection {
        name: "kube-root-ca.crt".to_owned(),
        items: Some(vec![KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), mode: None }]),
        optional: None,
    };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".to_owned(),
        field_ref: Some(ObjectFieldSelector {
            field_path: "metadata.namespace".to_owned(),
            api_version: None,
        }),
        ..DownwardAPIVolumeFile::default()
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
        VolumeProjection { config_map: Some(authority), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![namespace]) }),
            ..VolumeProjection::default()
        },
    ];
    let projected = ProjectedVolumeSource { sources: Some(sources), default_mode: None };
    Volume { name: TOKEN_VOLUME.to_owned(), projected: Some(projected), ..Volume::default() }
}

/// A token that the api-server alone takes: the Kubernetes API refuses it.
pub(super) fn api_token_volume() -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".to_owned(),
        expiration_seconds: Some(TOKEN_SECONDS),
        audience: Some(names::API_TOKEN_AUDIENCE.to_owned()),
    };
    let source = VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() };
    let projected = ProjectedVolumeSource { sources: Some(vec![source]), default_mode: None };
    Volume { name: API_TOKEN_VOLUME.to_owned(), projected: Some(projected), ..Volume::default() }
}

/// Amounts by resource.
pub(super) type Amounts = BTreeMap<String, Quantity>;
