//! The Job that executes a run: one pod, one try. Pure.

mod host;
mod runner;
mod security;

use std::collections::BTreeMap;

use crds::{
    Plan,
    constants::SOCKET_GID,
    labels::{self, Child},
    names,
};
use domain::hosts::{Host, hosts};
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Container, EmptyDirVolumeSource, Pod, PodSecurityContext, PodSpec, PodTemplateSpec, Volume,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use kube::ResourceExt as _;

use super::{revisions::Revision, see::Seen};
use crate::config::Config;

/// The uid of the run that a Job or pod was made for (annotation): its name may be used again.
pub(super) const RUN_UID: &str = "smbcopilot.dev/run-uid";
/// Which attempt at a pod it is, from 0 (annotation).
pub(super) const ATTEMPT: &str = "smbcopilot.dev/attempt";
/// The Job of a pod (annotation).
pub(super) const JOB: &str = "smbcopilot.dev/job";

/// The runner takes at most 20 s to write what has ended and to leave.
const GRACE_SECONDS: i64 = 30;
/// A Job that nobody deleted goes by itself, an hour after it ended.
const TTL_SECONDS: i32 = 3_600;

/// What a Job is built of.
pub(super) struct Wanted<'a> {
    pub(super) ctx_config: &'a Config,
    pub(super) seen: &'a Seen,
    pub(super) revision: &'a Revision,
    pub(super) attempt: u32,
    pub(super) plan: Option<&'a Plan>,
}

impl Wanted<'_> {
    fn tenant(&self) -> String {
        self.seen.tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default()
    }

    fn name(&self) -> String {
        names::runner_job(&self.revision.uid, &self.seen.uid, self.attempt)
    }
}

/// Builds it.
pub(super) fn build(wanted: &Wanted<'_>) -> Job {
    let owner = OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "ControllerRevision".to_owned(),
        name: wanted.revision.name.clone(),
        uid: wanted.revision.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let (labels, annotations) = (labels_of(wanted), annotations_of(wanted));
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels.clone()),
            annotations: Some(annotations.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(wanted)),
    };
    Job {
        metadata: ObjectMeta {
            name: Some(wanted.name()),
            namespace: Some(wanted.seen.namespace.clone()),
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

/// The pod that the Job controller will make, for a dry run.
pub(super) fn pod_of(job: &Job) -> Option<Pod> {
    let template = job.spec.as_ref()?.template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some(job.name_any());
    metadata.namespace = job.namespace();
    Some(Pod { metadata, spec: template.spec, status: None })
}

/// Whether a Job makes no more pods.
pub(super) fn has_ended(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .filter(|condition| condition.status == "True")
        .any(|condition| matches!(condition.type_.as_str(), "Failed" | "Complete" | "FailureTarget"))
}

fn labels_of(wanted: &Wanted<'_>) -> BTreeMap<String, String> {
    labels::child_labels(Child {
        name: labels::PART_OF,
        component: "runner",
        tenant: &wanted.tenant(),
        workflow: Some(&wanted.revision.workflow),
        revision: Some(&wanted.revision.name),
        run: Some(&wanted.seen.name),
    })
}

fn annotations_of(wanted: &Wanted<'_>) -> BTreeMap<String, String> {
    [(RUN_UID, wanted.seen.uid.clone()), (ATTEMPT, wanted.attempt.to_string()), (JOB, wanted.name())]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn pod(wanted: &Wanted<'_>) -> PodSpec {
    let hosts = hosts(&wanted.revision.spec, &wanted.ctx_config.python_image);
    let hosts = hosts.all();
    let mut containers: Vec<Container> = vec![runner::container(wanted, hosts)];
    containers.extend(hosts.iter().map(|host| host::container(wanted, host)));
    let runners = wanted.plan.and_then(|plan| plan.spec.runners.as_ref());
    PodSpec {
        service_account_name: Some(names::RUNNER_SERVICE_ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        runtime_class_name: runners.and_then(|runners| runners.runtime_class_name.clone()),
        security_context: Some(PodSecurityContext { fs_group: Some(SOCKET_GID.into()), ..security::pod() }),
        containers,
        volumes: Some(volumes(hosts)),
        ..PodSpec::default()
    }
}

fn volumes(hosts: &[Host]) -> Vec<Volume> {
    let mut volumes = vec![runner::token_volume(), empty_dir(runner::TMP_VOLUME, "64Mi")];
    for host in hosts {
        volumes.push(empty_dir(&host::socket_volume(host.index), "1Mi"));
        volumes.push(empty_dir(&host::tmp_volume(host.index), "1Gi"));
    }
    volumes
}

fn empty_dir(name: &str, at_most: &str) -> Volume {
    let size_limit = Some(Quantity(at_most.to_owned()));
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { size_limit, ..EmptyDirVolumeSource::default() }),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests;
