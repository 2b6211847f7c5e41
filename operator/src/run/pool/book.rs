//! Who has a pod, as long as the watch does not show it.

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

/// A Job's pod is there within some 20 ms; one that is not by then was refused.
const POD_PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// The book of pods that stay.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    owners: HashMap<String, Owner>,
    idle: HashMap<String, Timestamp>,
    made: HashMap<String, Timestamp>,
}

/// Who has a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// A run that is being given it.
    Run(Claim),
    /// Nobody any more: its Job is being deleted.
    Leaving,
}

/// A run that is being given a pod, as it was when that was decided.
///
/// The pod is written into the run on condition that nobody wrote it meanwhile. So the claim binds while the watch shows
/// the run as it was; after that the run itself says whether it holds the pod, and one that has ended holds none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    run: ObjectRef<WorkflowRun>,
    uid: String,
    version: String,
}

impl Claim {
    /// That of a run as it was read.
    pub(crate) fn of(run: &WorkflowRun) -> Self {
        Self {
            run: ObjectRef::from_obj(run),
            uid: run.uid().unwrap_or_default(),
            version: run.resource_version().unwrap_or_default(),
        }
    }

    fn binds(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        let run = runs.get(&self.run).filter(|run| run.metadata.uid.as_deref() == Some(&self.uid));
        let as_it_was = |run: &WorkflowRun| run.metadata.resource_version.as_deref() == Some(&self.version);
        run.is_some_and(|run| as_it_was(&run) || super::holds(&run, pod))
    }
}

impl Owner {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run(claim), Self::Run(other)) => claim.uid == other.uid,
            (Self::Leaving, Self::Leaving) => true,
            (Self::Run(_), Self::Leaving) | (Self::Leaving, Self::Run(_)) => false,
        }
    }

    fn has(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        match self {
            Self::Run(claim) => claim.binds(pod, runs),
            Self::Leaving => true,
        }
    }
}

/// Whether a pod is to be had, as far as the book says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Booked {
    /// The book does not know of anybody.
    No,
    /// The run that asks has it.
    ForIt,
    /// Another run has it, or it is being ended.
    ForAnother,
}

impl Pool {
    /// Gives a pod to a run; not where another has it.
    pub(crate) fn take(&self, pod: &str, claim: &Claim, runs: &Store<WorkflowRun>) -> bool {
        self.enter(pod, Owner::Run(claim.clone()), runs)
    }

    /// Has a pod leave; not where a run has it.
    pub(super) fn dismiss(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        self.enter(pod, Owner::Leaving, runs)
    }

    fn enter(&self, pod: &str, owner: Owner, runs: &Store<WorkflowRun>) -> bool {
        let mut book = self.lock();
        if book.owners.get(pod).is_some_and(|known| known.has(pod, runs) && !known.is_same(&owner)) {
            return false;
        }
        book.idle.remove(pod);
        book.owners.insert(pod.to_owned(), owner);
        true
    }

    /// Who has a pod, as a run of this uid sees it.
    pub(crate) fn booked(&self, pod: &str, run: &str, runs: &Store<WorkflowRun>) -> Booked {
        match self.lock().owners.get(pod).filter(|owner| owner.has(pod, runs)) {
            None => Booked::No,
            Some(Owner::Run(claim)) if claim.uid == run => Booked::ForIt,
            Some(Owner::Run(_) | Owner::Leaving) => Booked::ForAnother,
        }
    }

    /// Whether a run has a pod, or it is being ended.
    pub(super) fn is_taken(&self, pod: &str, runs: &Store<WorkflowRun>) -> bool {
        self.lock().owners.get(pod).is_some_and(|owner| owner.has(pod, runs))
    }

    /// Since when a pod that nobody has is idle; now, if it was not known to be.
    pub(super) fn idle_since(&self, pod: &str, now: Timestamp) -> Timestamp {
        *self.lock().idle.entry(pod.to_owned()).or_insert(now)
    }

    /// Notes that a Job was made for a pod that is to be ready.
    pub(super) fn made(&self, job: &str, now: Timestamp) {
        self.lock().made.insert(job.to_owned(), now);
    }

    /// The Jobs that were made a moment ago.
    pub(super) fn under_way(&self, now: Timestamp) -> Vec<String> {
        let mut book = self.lock();
        book.made.retain(|_, at| now.duration_since(*at) < POD_PATIENCE);
        book.made.keys().cloned().collect()
    }

    /// Forgets the pods that are gone.
    pub(crate) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        let mut book = self.lock();
        book.owners.retain(|pod, _| is_there(pod));
        book.idle.retain(|pod, _| is_there(pod));
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
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

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run(name: &str, version: u32, status: &str) -> WorkflowRun {
        serde_yaml::from_str(&format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, metadata: {{name: {name}, namespace: bakery, \
             uid: uid-of-{name}, resourceVersion: '{version}'}}, spec: {{workflowRef: {{name: intake}}}}, \
             status: {{{status}}}}}"
        ))
        .unwrap()
    }

    const HOLDS: &str = "runner: {podUid: pod}";

    fn watched(runs: &[&WorkflowRun]) -> (Writer<WorkflowRun>, Store<WorkflowRun>) {
        let (store, mut writer) = reflector::store();
        for run in runs {
            writer.apply_watcher_event(&Event::Apply((*run).clone()));
        }
        (writer, store)
    }

    /// Two runs get one pod, or a run gets one that is being ended, and hangs.
    #[test]
    fn a_pod_has_one_owner() {
        let (a, b) = (run("a", 1, ""), run("b", 2, ""));
        let (mut watch, runs) = watched(&[&a, &b]);
        let pool = Pool::default();
        let (of_a, of_b) = (Claim::of(&a), Claim::of(&b));
        assert!(pool.take("pod", &of_a, &runs) && pool.take("pod", &of_a, &runs), "to ask again is no harm");
        assert!(!pool.take("pod", &of_b, &runs) && !pool.dismiss("pod", &runs));
        assert_eq!(pool.booked("pod", "uid-of-a", &runs), Booked::ForIt);
        assert_eq!(pool.booked("pod", "uid-of-b", &runs), Booked::ForAnother);
        watch.apply_watcher_event(&Event::Apply(run("a", 3, HOLDS)));
        assert!(!pool.take("pod", &of_b, &runs), "now it is written");
        watch.apply_watcher_event(&Event::Delete(run("a", 3, HOLDS)));
        assert!(pool.dismiss("pod", &runs));
        assert!(!pool.take("pod", &of_b, &runs));
    }

    /// The very next run waits for a pod of its own, since the one before it has ended but has not been cleared away.
    #[test]
    fn a_run_that_has_ended_or_waits_without_a_pod_has_none() {
        let (a, b) = (run("a", 1, ""), run("b", 2, ""));
        for after in [
            Event::Delete(run("a", 4, HOLDS)),
            Event::Apply(run("a", 4, "phase: Suspended")),
            // Somebody else wrote first, so the claim came to nothing.
            Event::Apply(run("a", 4, "")),
        ] {
            let (mut watch, runs) = watched(&[&a, &b]);
            let pool = Pool::default();
            assert!(pool.take("pod", &Claim::of(&a), &runs));
            watch.apply_watcher_event(&after);
            assert!(!pool.is_taken("pod", &runs), "{after:?}");
            assert!(pool.take("pod", &Claim::of(&b), &runs), "{after:?}");
        }
    }

    /// A pod is ended though it was used a moment ago, or stays for ever.
    #[test]
    fn idleness_counts_from_the_last_use() {
        let a = run("a", 1, "");
        let (_watch, runs) = watched(&[&a]);
        let pool = Pool::default();
        assert_eq!(pool.idle_since("pod", at(1)), at(1));
        assert_eq!(pool.idle_since("pod", at(5)), at(1));
        pool.take("pod", &Claim::of(&a), &runs);
        assert_eq!(pool.idle_since("pod", at(9)), at(9));
    }
}
