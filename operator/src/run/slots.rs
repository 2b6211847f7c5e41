//! Who holds a slot, and who waits for one. Kept in memory by the one operator that works, so that two runs
//! that are looked at together don't take the same slot; what is stored always wins over it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::WorkflowRun;
use domain::admission::{Decision, GroupMember, Queue, Queued, Tenant, Verdict, decide};
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

/// The book of slots.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    holding: HashMap<String, Holder>,
    waiting: HashMap<String, Waiting>,
}

#[derive(Debug)]
struct Holder {
    tenant: String,
    group: Option<String>,
    /// The attempt whose Job was made last, and when.
    made: Option<(u32, Timestamp)>,
}

/// A run that asks for a slot.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) queued: Queued,
    pub(super) object: ObjectRef<WorkflowRun>,
}

/// What came of asking.
pub(super) struct Offered {
    /// For the run that asked.
    pub(super) verdict: Verdict,
    /// Others that got a slot on this occasion.
    pub(super) admitted: Vec<ObjectRef<WorkflowRun>>,
}

impl Slots {
    /// Whether a run holds a slot.
    pub(super) fn holds(&self, run: &str) -> bool {
        self.lock().holding.contains_key(run)
    }

    /// Gives a run a slot whatever the limits say: it has started already.
    pub(super) fn hold(&self, run: &str, tenant: &str, group: Option<String>) {
        let mut book = self.lock();
        book.waiting.remove(run);
        let new = || Holder { tenant: tenant.to_owned(), group: None, made: None };
        let holder = book.holding.entry(run.to_owned()).or_insert_with(new);
        if group.is_some() {
            holder.group = group;
        }
    }

    /// Asks for a slot; `tenant` says what a tenant may have, given how many slots it holds.
    pub(super) fn offer(&self, run: Waiting, tenant: impl Fn(&str, u32) -> Tenant) -> Offered {
        let mut book = self.lock();
        let uid = run.queued.uid.clone();
        book.waiting.insert(uid.clone(), run);
        let (mut own, mut admitted) = (None, Vec::new());
        for Decision { uid: of, verdict } in book.decide(tenant) {
            if verdict == Verdict::Admit
                && let Some(object) = book.admit(&of)
                && of != uid
            {
                admitted.push(object);
            }
            if of == uid {
                own = Some(verdict);
            }
        }
        // `decide` answers for every run that it was asked about.
        Offered { verdict: own.unwrap_or(Verdict::Admit), admitted }
    }

    /// A run has ended, or waits without a pod; who got its slot.
    pub(super) fn release(
        &self,
        run: &str,
        tenant: impl Fn(&str, u32) -> Tenant,
    ) -> Vec<ObjectRef<WorkflowRun>> {
        let mut book = self.lock();
        book.holding.remove(run);
        book.waiting.remove(run);
        let admitted = book.decide(tenant).into_iter().filter(|decision| decision.verdict == Verdict::Admit);
        admitted.filter_map(|decision| book.admit(&decision.uid)).collect()
    }

    /// Notes that a Job was made for a run.
    pub(super) fn made(&self, run: &str, attempt: u32, at: Timestamp) {
        if let Some(holder) = self.lock().holding.get_mut(run) {
            holder.made = Some((attempt, at));
        }
    }

    /// The attempt whose Job was made last for a run, and when.
    pub(super) fn last_made(&self, run: &str) -> Option<(u32, Timestamp)> {
        self.lock().holding.get(run)?.made
    }

    /// How many hold a slot, and how many wait for one.
    pub(super) fn counts(&self) -> (usize, usize) {
        let book = self.lock();
        (book.holding.len(), book.waiting.len())
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn decide(&self, tenant: impl Fn(&str, u32) -> Tenant) -> Vec<Decision> {
        let mut running: BTreeMap<&str, u32> = BTreeMap::new();
        let mut group_running: BTreeMap<String, u32> = BTreeMap::new();
        for holder in self.holding.values() {
            *running.entry(&holder.tenant).or_default() += 1;
            if let Some(group) = &holder.group {
                *group_running.entry(group.clone()).or_default() += 1;
            }
        }
        let queued: Vec<Queued> = self.waiting.values().map(|waiting| waiting.queued.clone()).collect();
        let mut names: Vec<&str> = queued.iter().map(|queued| queued.tenant.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let tenants =
            names.iter().map(|name| tenant(name, running.get(name).copied().unwrap_or(0))).collect();
        decide(&Queue { tenants, group_running, queued, places: None })
    }

    fn admit(&mut self, run: &str) -> Option<ObjectRef<WorkflowRun>> {
        let Waiting { queued, object } = self.waiting.remove(run)?;
        let group = queued.group.map(|GroupMember { key, .. }| key);
        self.holding.insert(queued.uid, Holder { tenant: queued.tenant, group, made: None });
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use domain::admission::Gate;

    use super::*;

    fn tenant(limit: u32) -> impl Fn(&str, u32) -> Tenant {
        move |name, running| Tenant {
            name: name.to_owned(),
            gate: Gate::Open,
            weight: 1,
            concurrent_runs: Some(limit),
            running,
            plan: "starter".to_owned(),
        }
    }

    fn waiting(uid: &str, second: i64) -> Waiting {
        let queued = Queued {
            uid: uid.to_owned(),
            tenant: "acme".to_owned(),
            created_at: Timestamp::from_second(second).unwrap(),
            priority: 0,
            group: None,
        };
        Waiting { queued, object: ObjectRef::new(uid).within("bakery") }
    }

    /// Two runs that are looked at together start on the last slot.
    #[test]
    fn a_slot_is_taken_at_once() {
        let slots = Slots::default();
        assert_eq!(slots.offer(waiting("a", 1), tenant(1)).verdict, Verdict::Admit);
        assert!(matches!(slots.offer(waiting("b", 2), tenant(1)).verdict, Verdict::Wait { position: 1, .. }));
        assert_eq!(slots.counts(), (1, 1));
    }

    /// A run that waits is forgotten when the one before it ends.
    #[test]
    fn a_slot_goes_to_the_next_in_line() {
        let slots = Slots::default();
        slots.hold("a", "acme", None);
        for (uid, second) in [("c", 3), ("b", 2)] {
            assert!(slots.offer(waiting(uid, second), tenant(1)).admitted.is_empty());
        }
        let next = slots.release("a", tenant(1));
        assert_eq!(next, [ObjectRef::new("b").within("bakery")]);
        assert!(slots.holds("b") && !slots.holds("c"));
    }
}
