//! Who has a pod, as long as the watch does not show it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

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
pub(crate) enum Owner {
    /// The run of this uid.
    Run(String),
    /// Nobody any more: its Job is being deleted.
    Leaving,
}

impl Pool {
    /// Gives a pod to a run; not where another has it.
    pub(crate) fn take(&self, pod: &str, run: &str) -> bool {
        self.claim(pod, &Owner::Run(run.to_owned()))
    }

    /// Has a pod leave; not where a run has it.
    pub(super) fn dismiss(&self, pod: &str) -> bool {
        self.claim(pod, &Owner::Leaving)
    }

    fn claim(&self, pod: &str, owner: &Owner) -> bool {
        let mut book = self.lock();
        let claimed = book.owners.entry(pod.to_owned()).or_insert_with(|| owner.clone()) == owner;
        if claimed {
            book.idle.remove(pod);
        }
        claimed
    }

    /// Who has a pod.
    pub(crate) fn owner(&self, pod: &str) -> Option<Owner> {
        self.lock().owners.get(pod).cloned()
    }

    /// A run has no pod any more.
    pub(super) fn release(&self, run: &str) {
        self.lock().owners.retain(|_, owner| *owner != Owner::Run(run.to_owned()));
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
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Two runs get one pod, or a run gets one that is being ended, and hangs.
    #[test]
    fn a_pod_has_one_owner() {
        let pool = Pool::default();
        assert!(pool.take("pod", "a") && pool.take("pod", "a"), "asking again is no other question");
        assert!(!pool.take("pod", "b") && !pool.dismiss("pod"));
        pool.release("a");
        assert!(pool.dismiss("pod"));
        assert!(!pool.take("pod", "b"));
    }

    /// A pod is ended though it was used a moment ago, or stays for ever.
    #[test]
    fn idleness_counts_from_the_last_use() {
        let pool = Pool::default();
        assert_eq!(pool.idle_since("pod", at(1)), at(1));
        assert_eq!(pool.idle_since("pod", at(5)), at(1));
        pool.take("pod", "a");
        pool.release("a");
        assert_eq!(pool.idle_since("pod", at(9)), at(9));
    }
}
