//! Input from which a runner's Job is built.

use crds::{Plan, names};

use crate::{config::Config, state::Revision};

/// Input of [`super::build`].
#[derive(Clone)]
pub(in crate::run::assignment) struct JobInput<'a> {
    pub(in crate::run::assignment) config: &'a Config,
    pub(in crate::run::assignment) namespace: &'a str,
    /// Name of the tenant.
    pub(in crate::run::assignment) tenant: String,
    /// User id of the tenant's steps.
    pub(in crate::run::assignment) user: u32,
    pub(in crate::run::assignment) revision: &'a Revision,
    pub(in crate::run::assignment) plan: Option<&'a Plan>,
    pub(in crate::run::assignment) purpose: Purpose<'a>,
}

/// Purpose of a Job.
#[derive(Clone, Copy)]
pub(in crate::run::assignment) enum Purpose<'a> {
    /// Executes a run.
    Run { name: &'a str, uid: &'a str, attempt: u32, lifetime: Lifetime },
    /// Waits for a future run, as one of several warm runners.
    Warm { number: u32 },
}

/// Lifetime of a pod that was created for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run::assignment) enum Lifetime {
    /// The pod is deleted after the run.
    OneRun,
    /// The pod is reused by later runs.
    Pooled,
}

impl JobInput<'_> {
    /// Returns the name of the Job, which is derived from UIDs so that a repeated creation does not create a
    /// second Job.
    pub(super) fn job_name(&self) -> String {
        match self.purpose {
            Purpose::Run { uid, attempt, .. } => names::runner_job(&self.revision.uid, uid, attempt),
            Purpose::Warm { number } => names::runner_job(&self.revision.uid, "warm", number),
        }
    }

    /// Returns whether the pod is reused by later runs.
    pub(super) fn is_pooled(&self) -> bool {
        match self.purpose {
            Purpose::Run { lifetime, .. } => lifetime == Lifetime::Pooled,
            Purpose::Warm { .. } => true,
        }
    }

    /// Returns the name of the run whose pod is deleted after it.
    pub(super) fn only_run(&self) -> Option<&str> {
        match self.purpose {
            Purpose::Run { name, lifetime: Lifetime::OneRun, .. } => Some(name),
            Purpose::Run { lifetime: Lifetime::Pooled, .. } | Purpose::Warm { .. } => None,
        }
    }
}
