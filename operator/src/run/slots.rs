//! Who holds a slot, and who waits for one. Kept in memory by the one operator that works, so that two runs
//! that are looked at together don't take the same slot; what is stored always wins over it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::WorkflowRun;
use domain::admission::{ConcurrencyGroup, Decision, Queue, QueuedRun, Tenant, Verdict, decide};
use jiff::{Timestamp, civil::Date};
use kube::runtime::reflector::ObjectRef;

/// The book of slots.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    holding: HashMap<String, Holder>,
    waiting: HashMap<String, Waiting>,
    /// Runs admitted on a day, by tenant; days gone by are overwritten.
    days: HashMap<String, (Date, u32)>,
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
    pub(super) queued: QueuedRun,
    pub(super) object: ObjectRef<WorkflowRun>,
}

/// What a tenant has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Has {
    /// Runs that hold a slot.
    pub(super) running: u32,
    /// Runs that were admitted today.
    pub(super) today: u32,
}

/// What came of asking.
pub(super) struct Offered {
    /// For the run that asked.
    pub(super) verdict: Verdict,
    /// Others that got a slot on this occasion.
    pub(super) admitted: Vec<ObjectRef<WorkflowRun>>,
    /// How many of its tenant wait, itself included where it does.
    pub(super) waiting: usize,
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

    /// A run that waited when another operator worked: it is counted, and comes in its turn, before it asks again.
    pub(super) fn wait(&self, run: Waiting) {
        self.lock().waiting.insert(run.queued.uid.clone(), run);
    }

    /// Asks for a slot; `tenant` says what a tenant may have, given what it has.
    pub(super) fn offer(&self, run: Waiting, today: Date, tenant: impl Fn(&str, Has) -> Tenant) -> Offered {
        let mut book = self.lock();
        let (uid, of_tenant) = (run.queued.uid.clone(), run.queued.tenant.clone());
        book.waiting.insert(uid.clone(), run);
        let (mut own, mut admitted) = (None, Vec::new());
        for Decision { uid: of, verdict } in book.decide(today, tenant) {
            if verdict == Verdict::Admit
                && let Some(object) = book.admit(&of, today)
                && of != uid
            {
                admitted.push(object);
            }
            if of == uid {
                own = Some(verdict);
            }
        }
        // `decide` answers for every run that it was asked about.
        let waiting = book.waiting.values().filter(|waiting| waiting.queued.tenant == of_tenant).count();
        Offered { verdict: own.unwrap_or(Verdict::Admit), admitted, waiting }
    }

    /// A run has ended, or waits without a pod; who got its slot.
    pub(super) fn release(
        &self,
        run: &str,
        today: Date,
        tenant: impl Fn(&str, Has) -> Tenant,
    ) -> Vec<ObjectRef<WorkflowRun>> {
        let mut book = self.lock();
        book.holding.remove(run);
        book.waiting.remove(run);
        let decided = book.decide(today, tenant).into_iter();
        let admitted = decided.filter(|decision| decision.verdict == Verdict::Admit);
        admitted.filter_map(|decision| book.admit(&decision.uid, today)).collect()
    }

    /// How many runs of a tenant were admitted on a day.
    pub(crate) fn admitted_on(&self, tenant: &str, day: Date) -> u32 {
        self.lock().admitted_on(tenant, day)
    }

    /// Makes it at least so many: as an operator before this one counted.
    pub(super) fn admitted_before(&self, tenant: &str, day: Date, count: u32) {
        let mut book = self.lock();
        let count = count.max(book.admitted_on(tenant, day));
        book.days.insert(tenant.to_owned(), (day, count));
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
    fn admitted_on(&self, tenant: &str, day: Date) -> u32 {
        self.days.get(tenant).filter(|(of, _)| *of == day).map_or(0, |(_, count)| *count)
    }

    fn decide(&self, today: Date, tenant: impl Fn(&str, Has) -> Tenant) -> Vec<Decision> {
        let mut running: BTreeMap<&str, u32> = BTreeMap::new();
        let mut group_running: BTreeMap<String, u32> = BTreeMap::new();
        for holder in self.holding.values() {
            *running.entry(&holder.tenant).or_default() += 1;
            if let Some(group) = &holder.group {
                *group_running.entry(group.clone()).or_default() += 1;
            }
        }
        let queued: Vec<QueuedRun> = self.waiting.values().map(|waiting| waiting.queued.clone()).collect();
        let mut names: Vec<&str> = queued.iter().map(|queued| queued.tenant.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let has = |name: &str| Has {
            running: running.get(name).copied().unwrap_or(0),
            today: self.admitted_on(name, today),
        };
        let tenants = names.iter().map(|name| tenant(name, has(name))).collect();
        decide(&Queue { tenants, group_running, queued, free_slots: None })
    }

    fn admit(&mut self, run: &str, today: Date) -> Option<ObjectRef<WorkflowRun>> {
        let Waiting { queued, object } = self.waiting.remove(run)?;
        if !queued.is_resumed {
            let count = self.admitted_on(&queued.tenant, today).saturating_add(1);
            self.days.insert(queued.tenant.clone(), (today, count));
        }
        let group = queued.group.map(|ConcurrencyGroup { key, .. }| key);
        self.holding.insert(queued.uid, Holder { tenant: queued.tenant, group, made: None });
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use domain::admission::TenantGuard;

    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 11, 24);

    fn tenant(limit: u32) -> impl Fn(&str, Has) -> Tenant {
        move |name, has| Tenant {
            name: name.to_owned(),
            guard: TenantGuard::Open,
            weight: 1,
            concurrent_runs: Some(limit),
            running: has.running,
            runs_per_day: None,
            runs_today: has.today,
            plan: "starter".to_owned(),
        }
    }

    fn waiting(uid: &str, second: i64) -> Waiting {
        let queued = QueuedRun {
            uid: uid.to_owned(),
            tenant: "acme".to_owned(),
            created_at: Timestamp::from_second(second).unwrap(),
            priority: 0,
            is_resumed: false,
            group: None,
        };
        Waiting { queued, object: ObjectRef::new(uid).within("bakery") }
    }

    /// Two runs that are looked at together start on the last slot.
    #[test]
    fn a_slot_is_taken_at_once() {
        let slots = Slots::default();
        assert_eq!(slots.offer(waiting("a", 1), TODAY, tenant(1)).verdict, Verdict::Admit);
        assert!(matches!(
            slots.offer(waiting("b", 2), TODAY, tenant(1)).verdict,
            Verdict::Wait { position: 1, .. }
        ));
        assert_eq!(slots.counts(), (1, 1));
    }

    /// A run that waits is forgotten when the one before it ends.
    #[test]
    fn a_slot_goes_to_the_next_in_line() {
        let slots = Slots::default();
        slots.hold("a", "acme", None);
        for (uid, second) in [("c", 3), ("b", 2)] {
            assert!(slots.offer(waiting(uid, second), TODAY, tenant(1)).admitted.is_empty());
        }
        let next = slots.release("a", TODAY, tenant(1));
        assert_eq!(next, [ObjectRef::new("b").within("bakery")]);
        assert!(slots.holds("b") && !slots.holds("c"));
    }

    /// After a restart of the operator a run overtakes those that have waited for hours; or one too many may wait.
    #[test]
    fn who_waited_before_a_restart_comes_first() {
        let slots = Slots::default();
        slots.wait(waiting("a", 1));
        let offered = slots.offer(waiting("b", 2), TODAY, tenant(1));
        assert!(matches!(offered.verdict, Verdict::Wait { position: 1, .. }));
        assert_eq!(offered.admitted, [ObjectRef::new("a").within("bakery")]);
        slots.wait(waiting("c", 1));
        assert_eq!(slots.offer(waiting("d", 3), TODAY, tenant(1)).waiting, 3);
    }

    /// An operator that was restarted lets a tenant start its runs of the day again.
    #[test]
    fn a_day_is_counted_on_after_a_restart() {
        let slots = Slots::default();
        slots.admitted_before("acme", TODAY, 7);
        slots.admitted_before("acme", TODAY, 3);
        slots.offer(waiting("a", 1), TODAY, tenant(1));
        assert_eq!(slots.admitted_on("acme", TODAY), 8);
        assert_eq!(slots.admitted_on("acme", TODAY.tomorrow().unwrap()), 0);
    }
}
