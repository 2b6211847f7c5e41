//! The Job of a runner: one pod, created once. Pure.

mod host;
mod input;
mod resources;
mod runner;
mod secrets;
mod security;
mod volumes;

use std::collections::BTreeMap;

use crds::{
    constants::SOCKET_GID,
    labels::{self, Child},
    names,
};
use domain::hosts::{Host, HostKind};
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{Container, Pod, PodSecurityContext, PodSpec, PodTemplateSpec, Volume},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::ResourceExt as _;

pub(super) use input::{JobInput, Lifetime, Purpose};

use self::volumes::{empty_dir, memory_dir, socket_volume};
use crate::names::{ATTEMPT, FOR_RUN, JOB, RUN_UID, TEMPLATE};

/// Termination grace period of a pod, in seconds. The runner takes at most 20 s to write results and exit.
const GRACE_PERIOD_SECONDS: i64 = 30;
/// Time after which a Job that has ended and was not deleted is deleted by Kubernetes, in seconds: one hour.
const TTL_SECONDS: i32 = 3_600;

/// Returns the Job of a runner.
pub(super) fn build(input: &JobInput<'_>) -> Job {
    let owner = OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "ControllerRevision".to_owned(),
        name: input.revision.name.clone(),
        uid: input.revision.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let spec = pod_spec(input);
    let (labels, annotations) = (labels_of_job(input), annotations_of_job(input, &digest(&spec)));
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels.clone()),
            annotations: Some(annotations.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    };
    Job {
        metadata: ObjectMeta {
            name: Some(input.job_name()),
            namespace: Some(input.namespace.to_owned()),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            ttl_seconds_after_finished: Some(TTL_SECONDS),
            template,
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// Returns the pod that the Job controller will create, for a dry run.
pub(super) fn pod_of_job(job: &Job) -> Option<Pod> {
    let template = job.spec.as_ref()?.template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some(job.name_any());
    metadata.namespace = job.namespace();
    Some(Pod { metadata, spec: template.spec, status: None })
}

/// Returns whether no more pods are created for a Job.
pub(super) fn has_ended(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .filter(|condition| condition.status == "True")
        .any(|condition| matches!(condition.type_.as_str(), "Failed" | "Complete" | "FailureTarget"))
}

/// Returns a digest of the pod's spec, by which runners that were created from another spec are recognised.
pub(super) fn template_digest(input: &JobInput<'_>) -> String {
    digest(&pod_spec(input))
}

fn digest(spec: &PodSpec) -> String {
    // The spec consists of strings, numbers and maps with string keys, so it can always be encoded.
    let text = serde_json::to_string(spec).unwrap_or_default();
    names::digest(&[&text], 12)
}

fn labels_of_job(input: &JobInput<'_>) -> BTreeMap<String, String> {
    let mut labels = labels::child_labels(Child {
        name: labels::PART_OF,
        component: labels::RUNNER_COMPONENT,
        tenant: &input.tenant,
        workflow: Some(&input.revision.workflow),
        revision: Some(&input.revision.name),
        run: input.only_run(),
    });
    if input.is_pooled() {
        labels.insert(labels::POOL.to_owned(), "true".to_owned());
    }
    labels
}

fn annotations_of_job(input: &JobInput<'_>, template: &str) -> BTreeMap<String, String> {
    let mut annotations = vec![(JOB, input.job_name()), (TEMPLATE, template.to_owned())];
    match input.purpose {
        Purpose::Run { name, uid, attempt, lifetime: _ } => annotations.extend([
            (RUN_UID, uid.to_owned()),
            (FOR_RUN, name.to_owned()),
            (ATTEMPT, attempt.to_string()),
        ]),
        Purpose::Warm { .. } => annotations.push((ATTEMPT, "0".to_owned())),
    }
    annotations.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn pod_spec(input: &JobInput<'_>) -> PodSpec {
    let hosts = input.revision.hosts.all();
    let mut containers: Vec<Container> = vec![runner::container(input, hosts)];
    containers.extend(hosts.iter().map(|host| host::container(input, host)));
    let has_foreign_image = hosts.iter().any(|host| host.kind == HostKind::Foreign);
    let runners = input.plan.and_then(|plan| plan.spec.runners.as_ref());
    PodSpec {
        service_account_name: Some(names::RUNNER_SERVICE_ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_PERIOD_SECONDS),
        runtime_class_name: runners.and_then(|runners| runners.runtime_class_name.clone()),
        security_context: Some(PodSecurityContext { fs_group: Some(SOCKET_GID.into()), ..security::pod() }),
        init_containers: has_foreign_image.then(|| vec![host::installer(input)]),
        containers,
        volumes: Some(volumes_of_pod(input, hosts)),
        ..PodSpec::default()
    }
}

fn volumes_of_pod(input: &JobInput<'_>, hosts: &[Host]) -> Vec<Volume> {
    let mut volumes = vec![runner::token_volume(), empty_dir(runner::TMP_VOLUME, "64Mi")];
    volumes.extend(input.config.internal_api_url.as_ref().map(|_| runner::api_token_volume()));
    volumes.extend(secrets::volumes(&input.revision.spec.secrets));
    if hosts.iter().any(|host| host.kind == HostKind::Foreign) {
        volumes.push(empty_dir(host::PROGRAM_VOLUME, "16Mi"));
    }
    for host in hosts {
        volumes.push(memory_dir(&socket_volume(host.index), "1Mi"));
        volumes.push(host::files_volume(host));
    }
    volumes
}

#[cfg(test)]
mod tests;
