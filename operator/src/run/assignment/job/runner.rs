//! The runner container, which executes runs and is the only one with a token.

use crds::{constants::RUNNER_UID, names};
use domain::hosts::Host;
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvVar, EnvVarSource,
    KeyToPath, ObjectFieldSelector, ProjectedVolumeSource, ResourceRequirements,
    ServiceAccountTokenProjection, Volume, VolumeProjection,
};

use super::{
    input::JobInput,
    resources::{DISK_REQUEST, quantities},
    secrets, security,
    volumes::{mount, read_only_mount, socket_volume},
};

const TOKEN_VOLUME: &str = "token";
const API_TOKEN_VOLUME: &str = "api-token";
const TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Lifetime of a token, in seconds: the shortest that the API server allows. The kubelet renews it.
const TOKEN_SECONDS: i64 = 600;
/// Volume for the runner's temporary files. Its root file system is read-only.
pub(super) const TMP_VOLUME: &str = "tmp";

/// Requests of the runner container if the plan specifies none.
const DEFAULT_CPU: &str = "50m";
const DEFAULT_MEMORY: &str = "64Mi";
/// Memory limit of the runner container if the plan specifies none. The runner holds outputs and responses of a few steps
/// in memory; if it needs more, it has a defect.
const MEMORY_LIMIT: &str = "256Mi";

/// Returns the runner container.
pub(super) fn container(input: &JobInput<'_>, hosts: &[Host]) -> Container {
    let mut mounts = vec![read_only_mount(TOKEN_VOLUME, TOKEN_DIRECTORY), mount(TMP_VOLUME, "/tmp")];
    let sockets =
        hosts.iter().map(|host| mount(&socket_volume(host.index), &names::host_directory(host.index)));
    mounts.extend(sockets);
    mounts.extend(secrets::mounts(&input.revision.spec.secrets));
    let api_token = input
        .config
        .internal_api_url
        .as_ref()
        .map(|_| read_only_mount(API_TOKEN_VOLUME, names::API_TOKEN_DIRECTORY));
    mounts.extend(api_token);
    Container {
        name: names::RUNNER_CONTAINER.to_owned(),
        image: Some(input.config.runner_image.clone()),
        image_pull_policy: Some(input.config.image_pull_policy.clone()),
        env: Some(environment(input)),
        resources: Some(resources(input)),
        security_context: Some(security::container(RUNNER_UID)),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn environment(input: &JobInput<'_>) -> Vec<EnvVar> {
    let field = |name: &str, path: &str| {
        let field = ObjectFieldSelector { field_path: path.to_owned(), api_version: None };
        let from = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
        EnvVar { name: name.to_owned(), value: None, value_from: Some(from) }
    };
    let variable = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        value_from: None,
    };
    let mut all = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("POD_UID", "metadata.uid"),
        variable("SMBCOPILOT_TENANT", &input.tenant),
        variable("SMBCOPILOT_PYTHON_IMAGE", &input.config.python_image),
    ];
    if input.is_pooled() {
        all.push(variable("SMBCOPILOT_STAY", "true"));
    }
    all.extend(input.config.internal_api_url.as_ref().map(|url| variable("SMBCOPILOT_API_URL", url)));
    all
}

fn resources(input: &JobInput<'_>) -> ResourceRequirements {
    let runners = input.plan.and_then(|plan| plan.spec.runners.as_ref());
    let specified = runners.and_then(|runners| runners.resources.clone()).unwrap_or_default();
    let or = |amount: Option<crds::Quantity>, default: &str| {
        amount.map_or_else(|| default.to_owned(), |amount| amount.to_string())
    };
    let memory = or(specified.memory.clone(), DEFAULT_MEMORY);
    let limit = if specified.memory.is_some() { memory.clone() } else { MEMORY_LIMIT.to_owned() };
    let limits = quantities(&[("memory", &limit)]);
    let requests = quantities(&[
        ("cpu", &or(specified.cpu, DEFAULT_CPU)),
        ("memory", &memory),
        ("ephemeral-storage", &or(specified.ephemeral_storage, DISK_REQUEST)),
    ]);
    ResourceRequirements { requests: Some(requests), limits: Some(limits), claims: None }
}

/// Returns the volume with the service account's token, certificate authority and namespace. Unlike the volume that
/// Kubernetes mounts by default, its token is short-lived and bound to this pod.
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

/// Returns the volume with the token for the api-server. The Kubernetes API refuses it, since it has another audience.
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
