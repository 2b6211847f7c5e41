//! Reservations of pooled runner pods, which bridge the time until the watch shows to which run a pod is assigned.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::WorkflowRun;
use jiff::{SignedDuration, Timestamp};
use kube::{
    ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};

/// Time after which a Job without a pod no longer counts as being created. The Job controller creates a pod within
/// about 20 ms; a pod that has not appeared by then was refused.
const POD_CREATION_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// Reservations of pooled runner pods.
#[derive(Debug, Default)]
pub(crate) struct Reservations(Mutex<ReservationTable>);

#[derive(Debug, Default)]
struct ReservationTable {
    /// Owner of each reserved pod, by pod UID.
    owners: HashMap<String, Owner>,
    /// Time since which each pod without an owner has been idle, by pod UID.
    idle: HashMap<String, Timestamp>,
    /// Time at which each warm Job was created, by name.
    created: HashMap<String, Timestamp>,
}

/// Owner of a reserved pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// A run to which the pod is being assigned.
    Run(Claim),
    /// No run: the pod's Job is being deleted.
    Terminating,
}

/// Claim of a run on a pod, with the version of the run for which it was decided.
///
/// The assignment is written on condition that no other client has written the run. So the claim is valid
/// while the watch shows the same version of the run; after that the run's status says whether it is assigned
/// to the pod. A run that has left the watch has ended and holds no pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    run: ObjectRef<WorkflowRun>,
    uid: String,
    version: String,
}

impl Claim {
    /// Returns the claim of a run, as it was read.
    pub(crate) fn for_run(run: &WorkflowRun) -> Self {
        Self {
            run: ObjectRef::from_obj(run),
            uid: run.uid().unwrap_or_default(),
            version: run.resource_version().unwrap_or_default(),
        }
    }

    fn is_valid(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        let run = runs.get(&self.run).filter(|run| run.metadata.uid.as_deref() == Some(&self.uid));
        let is_unchanged =
            |run: &WorkflowRun| run.metadata.resource_version.as_deref() == Some(&self.version);
        run.is_some_and(|run| is_unchanged(&run) || super::is_assigned_to(&run, pod))
    }
}

impl Owner {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run(claim), Self::Run(other)) => claim.uid == other.uid,
            (Self::Terminating, Self::Terminating) => true,
            (Self::Run(_), Self::Terminating) | (Self::Terminating, Self::Run(_)) => false,
        }
    }

    fn owns(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        match self {
            Self::Run(claim) => claim.is_valid(pod, runs),
            Self::Terminating => true,
        }
    }
}

/// Reservation of a pod, from the point of view of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// The pod is not reserved.
    None,
    /// The pod is reserved for this run.
    Own,
    /// The pod is reserved for another run, or is terminating.
    Other,
}

impl Reservations {
    /// Reserves a pod for a run. Returns false if the pod belongs to another run or is terminating.
    pub(crate) fn reserve(&self, pod: &str, claim: &Claim, runs: &Store<WorkflowRun>) -> bool {
        self.set_owner(pod, Owner::Run(claim.clone()), runs)
    }

    /// Marks a pod as terminating. Returns false if the pod belongs to a run.
    pub(crate) fn mark_terminating(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        self.set_owner(pod, Owner::Terminating, runs)
    }

    fn set_owner(&self, pod: &str, owner: Owner, runs: &Store<WorkflowRun>) -> bool {
        let mut table = self.lock();
        if table.owners.get(pod).is_some_and(|known| known.owns(pod, runs) && !known.is_same(&owner)) {
            return false;
        }
        table.idle.remove(pod);
        table.owners.insert(pod.to_owned(), owner);
        true
    }

    /// Returns the reservation of a pod, from the point of view of the run with this UID.
    pub(crate) fn reservation(&self, pod: &str, run_uid: &str, runs: &Store<WorkflowRun>) -> Reservation {
        match self.lock().owners.get(pod).filter(|owner| owner.owns(pod, runs)) {
            None => Reservation::None,
            Some(Owner::Run(claim)) if claim.uid == run_uid => Reservation::Own,
            Some(Owner::Run(_) | Owner::Terminating) => Reservation::Other,
        }
    }

    /// Returns whether a pod is reserved for a run, or is terminating.
    pub(crate) fn is_reserved(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        self.lock().owners.get(pod).is_some_and(|owner| owner.owns(pod, runs))
    }

    /// Returns the time since which a pod has been idle: `now` if it was not known to be idle.
    pub(crate) fn idle_since(&self, pod: &str, now: Timestamp) -> Timestamp {
        *self.lock().idle.entry(pod.to_owned()).or_insert(now)
    }

    /// Records that a Job was created for a warm runner.
    pub(crate) fn record_created(&self, job: &str, now: Timestamp) {
        self.lock().created.insert(job.to_owned(), now);
    }

    /// Returns the warm Jobs that were created so recently that their pods may not have appeared yet.
    pub(crate) fn being_created(&self, now: Timestamp) -> Vec<String> {
        let mut table = self.lock();
        table.created.retain(|_, at| now.duration_since(*at) < POD_CREATION_TIMEOUT);
        table.created.keys().cloned().collect()
    }

    /// Removes all pods for which `exists` returns false.
    pub(crate) fn retain(&self, exists: impl Fn(&str) -> bool) {
        let mut table = self.lock();
        table.owners.retain(|pod, _| exists(pod));
        table.idle.retain(|pod, _| exists(pod));
    }

    fn lock(&self) -> MutexGuard<'_, ReservationTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::{
        reflector::{self, store::Writer},
        watcher::Event,
    };

    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn run(name: &str, version: u32, status: &str) -> WorkflowRun {
        serde_yaml::from_str(&format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, metadata: {{name: {name}, namespace: bakery, \
             uid: uid-of-{name}, resourceVersion: '{version}'}}, spec: {{workflowRef: {{name: intake}}}}, \
             status: {{{status}}}}}"
        ))
        .unwrap()
    }

    const ASSIGNED: &str = "runner: {podUid: pod}";

    fn watched(runs: &[&WorkflowRun]) -> (Writer<WorkflowRun>, Store<WorkflowRun>) {
        let (store, mut writer) = reflector::store();
        for run in runs {
            writer.apply_watcher_event(&Event::Apply((*run).clone()));
        }
        (writer, store)
    }

    /// Two runs never get the same pod, and no run gets a pod that is terminating.
    #[test]
    fn two_runs_never_get_the_same_pod() {
        let (a, b) = (run("a", 1, ""), run("b", 2, ""));
        let (mut watch, runs) = watched(&[&a, &b]);
        let reservations = Reservations::default();
        let (claim_a, claim_b) = (Claim::for_run(&a), Claim::for_run(&b));
        assert!(reservations.reserve("pod", &claim_a, &runs));
        assert!(reservations.reserve("pod", &claim_a, &runs), "a reservation can be repeated");
        assert!(
            !reservations.reserve("pod", &claim_b, &runs) && !reservations.mark_terminating("pod", &runs)
        );
        assert_eq!(reservations.reservation("pod", "uid-of-a", &runs), Reservation::Own);
        assert_eq!(reservations.reservation("pod", "uid-of-b", &runs), Reservation::Other);
        watch.apply_watcher_event(&Event::Apply(run("a", 3, ASSIGNED)));
        assert!(!reservations.reserve("pod", &claim_b, &runs), "the status of the run shows the assignment");
        watch.apply_watcher_event(&Event::Delete(run("a", 3, ASSIGNED)));
        assert!(reservations.mark_terminating("pod", &runs));
        assert!(!reservations.reserve("pod", &claim_b, &runs));
    }

    /// The pod of a run that has ended, is suspended or could not be assigned is free for the next run at once.
    #[test]
    fn the_pod_of_a_run_that_does_not_use_it_is_free() {
        let (a, b) = (run("a", 1, ""), run("b", 2, ""));
        for after in [
            Event::Delete(run("a", 4, ASSIGNED)),
            Event::Apply(run("a", 4, "phase: Suspended")),
            // Another client wrote the run first, so the assignment was refused.
            Event::Apply(run("a", 4, "")),
        ] {
            let (mut watch, runs) = watched(&[&a, &b]);
            let reservations = Reservations::default();
            assert!(reservations.reserve("pod", &Claim::for_run(&a), &runs));
            watch.apply_watcher_event(&after);
            assert!(!reservations.is_reserved("pod", &runs), "{after:?}");
            assert!(reservations.reserve("pod", &Claim::for_run(&b), &runs), "{after:?}");
        }
    }

    /// The idle time of a pod starts anew after each use.
    #[test]
    fn idle_time_counts_from_the_last_use() {
        let a = run("a", 1, "");
        let (_watch, runs) = watched(&[&a]);
        let reservations = Reservations::default();
        assert_eq!(reservations.idle_since("pod", second(1)), second(1));
        assert_eq!(reservations.idle_since("pod", second(5)), second(1));
        reservations.reserve("pod", &Claim::for_run(&a), &runs);
        assert_eq!(reservations.idle_since("pod", second(9)), second(9));
    }
}
