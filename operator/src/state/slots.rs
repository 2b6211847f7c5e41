//! Concurrency slots: the runs that hold one, and the runs that are queued for one.
//!
//! The leading operator keeps them in memory, so that two runs that are reconciled at the same time do not take the
//! same slot. The status of the runs takes precedence.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::WorkflowRun;
use domain::admission::{ConcurrencyGroup, Decision, Queue, QueuedRun, Tenant, Verdict, decide};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kube::runtime::reflector::ObjectRef;

/// Returns the day of a time in UTC, by which plans limit runs.
pub(crate) fn utc_day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// The slots of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<SlotTable>);

#[derive(Debug, Default)]
struct SlotTable {
    /// Runs that hold a slot, by UID.
    holders: HashMap<String, Holder>,
    /// Runs that are queued for a slot, by UID.
    queued: HashMap<String, QueueEntry>,
    /// Number of runs admitted on one day, by tenant. The next day overwrites it.
    daily: HashMap<String, (Date, u32)>,
}

#[derive(Debug)]
struct Holder {
    tenant: String,
    group: Option<String>,
    /// Attempt for which a Job was created last, and when.
    created: Option<(u32, Timestamp)>,
}

/// Entry of the queue: a run that is queued for a slot.
#[derive(Clone, Debug)]
pub(crate) struct QueueEntry {
    /// The run, as input of the admission decision.
    pub(crate) run: QueuedRun,
    /// Reference to the run, for requesting its reconcile.
    pub(crate) object: ObjectRef<WorkflowRun>,
    /// Time at which the run's position was last written to its status by this operator.
    pub(crate) shown_at: Option<Timestamp>,
}

/// Number of runs of a tenant that count against its limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TenantUsage {
    /// Runs that hold a slot.
    pub(crate) running: u32,
    /// Runs that were admitted today.
    pub(crate) today: u32,
}

/// Result of requesting a slot.
pub(crate) struct SlotRequest {
    /// Decision about the run that requested the slot.
    pub(crate) verdict: Verdict,
    /// Other runs that were admitted by the same decision.
    pub(crate) admitted: Vec<ObjectRef<WorkflowRun>>,
    /// Number of queued runs of the same tenant, including the requesting run if it is queued.
    pub(crate) queue_length: usize,
    /// Time at which the position of the requesting run was last written to its status by this operator.
    pub(crate) shown_at: Option<Timestamp>,
}

impl Slots {
    /// Returns whether a run holds a slot.
    pub(crate) fn holds(&self, run_uid: &str) -> bool {
        self.lock().holders.contains_key(run_uid)
    }

    /// Gives a slot to a run that has started already, regardless of the limits.
    pub(crate) fn hold(&self, run_uid: &str, tenant: &str, group: Option<String>) {
        let mut table = self.lock();
        table.queued.remove(run_uid);
        let new = || Holder { tenant: tenant.to_owned(), group: None, created: None };
        let holder = table.holders.entry(run_uid.to_owned()).or_insert_with(new);
        if group.is_some() {
            holder.group = group;
        }
    }

    /// Queues a run that was queued before this operator became the leader, so that it keeps its turn.
    pub(crate) fn enqueue(&self, entry: QueueEntry) {
        self.lock().queued.insert(entry.run.uid.clone(), entry);
    }

    /// Requests a slot for a run, and admits every queued run that can be admitted.
    ///
    /// `tenant` returns the limits of a tenant, given its usage.
    pub(crate) fn request(
        &self,
        mut entry: QueueEntry,
        today: Date,
        tenant: impl Fn(&str, TenantUsage) -> Tenant,
    ) -> SlotRequest {
        let mut table = self.lock();
        let (own_uid, own_tenant) = (entry.run.uid.clone(), entry.run.tenant.clone());
        entry.shown_at = table.queued.get(&own_uid).and_then(|known| known.shown_at);
        let shown_at = entry.shown_at;
        table.queued.insert(own_uid.clone(), entry);
        let (mut own_verdict, mut admitted) = (None, Vec::new());
        for Decision { uid, verdict } in table.decide(today, tenant) {
            if verdict == Verdict::Admit
                && let Some(object) = table.admit(&uid, today)
                && uid != own_uid
            {
                admitted.push(object);
            }
            if uid == own_uid {
                own_verdict = Some(verdict);
            }
        }
        let queue_length = table.queued.values().filter(|entry| entry.run.tenant == own_tenant).count();
        // `decide` returns a decision for every queued run, so there always is one for the requesting run.
        SlotRequest { verdict: own_verdict.unwrap_or(Verdict::Admit), admitted, queue_length, shown_at }
    }

    /// Records that the position of a queued run was written to its status.
    pub(crate) fn record_shown(&self, run_uid: &str, at: Timestamp) {
        if let Some(entry) = self.lock().queued.get_mut(run_uid) {
            entry.shown_at = Some(at);
        }
    }

    /// Returns the number of queued runs of the same tenant that start before a run.
    pub(crate) fn queued_ahead(&self, run: &QueuedRun) -> usize {
        let table = self.lock();
        let queued = table.queued.values().map(|entry| &entry.run);
        queued.filter(|queued| queued.tenant == run.tenant && queued.order() < run.order()).count()
    }

    /// Releases the slot of a run that has ended or is suspended, and returns the runs that are admitted instead.
    pub(crate) fn release(
        &self,
        run_uid: &str,
        today: Date,
        tenant: impl Fn(&str, TenantUsage) -> Tenant,
    ) -> Vec<ObjectRef<WorkflowRun>> {
        let mut table = self.lock();
        table.holders.remove(run_uid);
        table.queued.remove(run_uid);
        let decisions = table.decide(today, tenant).into_iter();
        let admitted = decisions.filter(|decision| decision.verdict == Verdict::Admit);
        admitted.filter_map(|decision| table.admit(&decision.uid, today)).collect()
    }

    /// Returns the number of a tenant's runs that were admitted on a day.
    pub(crate) fn admitted_on(&self, tenant: &str, day: Date) -> u32 {
        self.lock().admitted_on(tenant, day)
    }

    /// Raises the number of a tenant's runs that were admitted on a day to the number that was counted before
    /// a restart.
    pub(crate) fn restore_daily_count(&self, tenant: &str, day: Date, count: u32) {
        let mut table = self.lock();
        let count = count.max(table.admitted_on(tenant, day));
        table.daily.insert(tenant.to_owned(), (day, count));
    }

    /// Records that a Job was created for a run.
    pub(crate) fn record_created(&self, run_uid: &str, attempt: u32, at: Timestamp) {
        if let Some(holder) = self.lock().holders.get_mut(run_uid) {
            holder.created = Some((attempt, at));
        }
    }

    /// Returns the attempt for which a Job was created last, and when.
    pub(crate) fn last_created(&self, run_uid: &str) -> Option<(u32, Timestamp)> {
        self.lock().holders.get(run_uid)?.created
    }

    /// Returns the UIDs of the runs that hold a slot, and those of the queued runs.
    pub(crate) fn uids(&self) -> (HashSet<String>, HashSet<String>) {
        let table = self.lock();
        (table.holders.keys().cloned().collect(), table.queued.keys().cloned().collect())
    }

    /// Returns the number of runs that hold a slot, and the number of queued runs.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let table = self.lock();
        (table.holders.len(), table.queued.len())
    }

    fn lock(&self) -> MutexGuard<'_, SlotTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotTable {
    fn admitted_on(&self, tenant: &str, day: Date) -> u32 {
        self.daily.get(tenant).filter(|(counted, _)| *counted == day).map_or(0, |(_, count)| *count)
    }

    fn decide(&self, today: Date, tenant: impl Fn(&str, TenantUsage) -> Tenant) -> Vec<Decision> {
        let mut running: BTreeMap<&str, u32> = BTreeMap::new();
        let mut group_running: BTreeMap<String, u32> = BTreeMap::new();
        for holder in self.holders.values() {
            *running.entry(&holder.tenant).or_default() += 1;
            if let Some(group) = &holder.group {
                *group_running.entry(group.clone()).or_default() += 1;
            }
        }
        let queued: Vec<QueuedRun> = self.queued.values().map(|entry| entry.run.clone()).collect();
        let mut names: Vec<&str> = queued.iter().map(|queued| queued.tenant.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let usage = |name: &str| TenantUsage {
            running: running.get(name).copied().unwrap_or(0),
            today: self.admitted_on(name, today),
        };
        let tenants = names.iter().map(|name| tenant(name, usage(name))).collect();
        decide(&Queue { tenants, group_running, queued })
    }

    fn admit(&mut self, run_uid: &str, today: Date) -> Option<ObjectRef<WorkflowRun>> {
        let QueueEntry { run, object, shown_at: _ } = self.queued.remove(run_uid)?;
        if !run.is_resumed {
            let count = self.admitted_on(&run.tenant, today).saturating_add(1);
            self.daily.insert(run.tenant.clone(), (today, count));
        }
        let group = run.group.map(|ConcurrencyGroup { key, .. }| key);
        self.holders.insert(run.uid, Holder { tenant: run.tenant, group, created: None });
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use domain::admission::TenantGuard;

    use super::*;

    const ADMISSION_DAY: Date = jiff::civil::date(2026, 11, 24);

    fn tenant(limit: u32) -> impl Fn(&str, TenantUsage) -> Tenant {
        move |name, usage| Tenant {
            name: name.to_owned(),
            guard: TenantGuard::Open,
            weight: 1,
            concurrent_runs: Some(limit),
            running: usage.running,
            runs_per_day: None,
            runs_today: usage.today,
            plan: "starter".to_owned(),
        }
    }

    fn entry(uid: &str, second: i64) -> QueueEntry {
        let run = QueuedRun {
            uid: uid.to_owned(),
            tenant: "acme".to_owned(),
            created_at: Timestamp::from_second(second).unwrap(),
            priority: 0,
            is_resumed: false,
            group: None,
        };
        QueueEntry { run, object: ObjectRef::new(uid).within("bakery"), shown_at: None }
    }

    /// Two runs that request the last slot at the same time do not both get it.
    #[test]
    fn a_slot_is_held_by_one_run() {
        let slots = Slots::default();
        assert_eq!(slots.request(entry("a", 1), ADMISSION_DAY, tenant(1)).verdict, Verdict::Admit);
        assert!(matches!(
            slots.request(entry("b", 2), ADMISSION_DAY, tenant(1)).verdict,
            Verdict::Wait { position: 1, .. }
        ));
        assert_eq!(slots.counts(), (1, 1));
    }

    /// A released slot goes to the run that was created first, and to no other.
    #[test]
    fn a_released_slot_goes_to_the_oldest_queue_entry() {
        let slots = Slots::default();
        slots.hold("a", "acme", None);
        for (uid, second) in [("c", 3), ("b", 2)] {
            assert!(slots.request(entry(uid, second), ADMISSION_DAY, tenant(1)).admitted.is_empty());
        }
        let admitted = slots.release("a", ADMISSION_DAY, tenant(1));
        assert_eq!(admitted, [ObjectRef::new("b").within("bakery")]);
        assert!(slots.holds("b") && !slots.holds("c"));
    }

    /// Runs that were queued before a restart keep their turn, and count towards the length of the queue.
    #[test]
    fn runs_queued_before_a_restart_are_admitted_first() {
        let slots = Slots::default();
        slots.enqueue(entry("a", 1));
        let requested = slots.request(entry("b", 2), ADMISSION_DAY, tenant(1));
        assert!(matches!(requested.verdict, Verdict::Wait { position: 1, .. }));
        assert_eq!(requested.admitted, [ObjectRef::new("a").within("bakery")]);
        slots.enqueue(entry("c", 1));
        assert_eq!(slots.request(entry("d", 3), ADMISSION_DAY, tenant(1)).queue_length, 3);
    }

    /// A run that requests a slot again is still known to show its position, which is therefore not written again at once.
    #[test]
    fn a_repeated_request_knows_when_the_position_was_shown() {
        let slots = Slots::default();
        let at = Timestamp::from_second(5).unwrap();
        slots.hold("a", "acme", None);
        assert_eq!(slots.request(entry("b", 2), ADMISSION_DAY, tenant(1)).shown_at, None);
        slots.record_shown("b", at);
        assert_eq!(slots.request(entry("b", 2), ADMISSION_DAY, tenant(1)).shown_at, Some(at));
    }

    /// Only runs of the same tenant that start earlier are ahead of a run: older ones, and those with a higher priority.
    #[test]
    fn queued_runs_that_start_earlier_are_ahead() {
        let slots = Slots::default();
        let run = |uid: &str, second, change: fn(&mut QueuedRun)| {
            let mut entry = entry(uid, second);
            change(&mut entry.run);
            entry
        };
        slots.enqueue(run("older", 1, |_| ()));
        slots.enqueue(run("newer", 9, |_| ()));
        slots.enqueue(run("urgent", 9, |run| run.priority = 1));
        slots.enqueue(run("other", 1, |run| run.tenant = "globex".to_owned()));
        assert_eq!(slots.queued_ahead(&entry("new", 5).run), 2);
        assert_eq!(slots.queued_ahead(&run("new", 5, |run| run.priority = 2).run), 0);
    }

    /// A restart does not let a tenant start more runs per day than its plan allows.
    #[test]
    fn the_daily_count_continues_after_a_restart() {
        let slots = Slots::default();
        slots.restore_daily_count("acme", ADMISSION_DAY, 7);
        slots.restore_daily_count("acme", ADMISSION_DAY, 3);
        slots.request(entry("a", 1), ADMISSION_DAY, tenant(1));
        assert_eq!(slots.admitted_on("acme", ADMISSION_DAY), 8);
        assert_eq!(slots.admitted_on("acme", ADMISSION_DAY.tomorrow().unwrap()), 0);
    }
}
