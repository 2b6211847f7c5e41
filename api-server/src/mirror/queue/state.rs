//! What is queued, and the choice of the next batch.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
};

use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use uuid::Uuid;

use super::{Entry, ObjectText};
use crate::project::Kind;

/// Maximum cost of the changes in one transaction: an estimate, see decision 28. Changes of other tenants and requests, which need
/// the same locks, wait for one or two transactions.
const MAX_BATCH_COST: usize = 150;
/// Cost of a plan or a tenant, which are stored one by one, in workflows or runs.
const CLUSTER_SCOPED_COST: usize = 8;
/// Maximum memory of the decoded objects of one transaction, in bytes. One larger object is a batch of its own.
const MAX_BATCH_BYTES: usize = 16 << 20;
/// Size of the text of the objects of one transaction after which no more are added, in bytes.
const MAX_BATCH_TEXT: usize = 1 << 20;

/// Changes that are stored in one transaction.
#[derive(Debug, Default)]
pub(in crate::mirror) struct Batch {
    /// Changes of objects.
    pub(in crate::mirror) entries: Vec<Entry>,
    /// Kinds with the resource versions up to which all changes are stored together with this batch.
    pub(in crate::mirror) bookmarks: Vec<(Kind, i64)>,
    /// A renewal of the lease.
    pub(in crate::mirror) renewal: Option<Renewal>,
    /// Tickets of the entries.
    tickets: Vec<u64>,
}

/// A renewal of the lease, which is stored like a change of a tenant that has no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mirror) struct Renewal {
    /// Resource version of the lease.
    pub(in crate::mirror) resource_version: i64,
    /// Time of the renewal, by the clock of this process.
    pub(in crate::mirror) renewed_at: jiff::Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct State {
    next_ticket: u64,
    /// Queued changes by namespace, in their order. Cluster-scoped kinds have an empty namespace.
    tenants: HashMap<String, VecDeque<Entry>>,
    /// Namespaces with queued changes. The first one is served next.
    turns: VecDeque<String>,
    /// Ticket of the newest queued version of each object.
    newest: HashMap<Uuid, u64>,
    /// Tickets of all changes that are not stored.
    unfinished: BTreeSet<u64>,
    /// Bookmarks with the ticket of the first change after them.
    bookmarks: VecDeque<(u64, Kind, i64)>,
    renewal: Option<Renewal>,
}

impl State {
    /// Returns the ticket of the next change.
    pub(super) fn next_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Adds a change, in place of an older version of the object if that is queued and need not be stored.
    pub(super) fn push(
        &mut self,
        change: ObjectText,
        received: Instant,
        memory: Option<OwnedSemaphorePermit>,
    ) {
        let (namespace, uid) =
            (change.identity().namespace.clone().unwrap_or_default(), change.identity().uid);
        if let Some(older) = self.newest_version(&namespace, uid)
            && let (ObjectText::Upserted(new), ObjectText::Upserted(old)) = (&change, &older.change)
            && new.supersedes(old)
        {
            (older.change, older.memory) = (change, memory);
            return;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.unfinished.insert(ticket);
        self.newest.insert(uid, ticket);
        let queued = self.tenants.entry(namespace.clone()).or_default();
        if queued.is_empty() {
            self.turns.push_back(namespace);
        }
        queued.push_back(Entry { received, change, memory, ticket });
    }

    fn newest_version(&mut self, namespace: &str, uid: Uuid) -> Option<&mut Entry> {
        let ticket = self.newest.get(&uid)?;
        let queued = self.tenants.get_mut(namespace)?;
        let position = queued.binary_search_by_key(ticket, |entry| entry.ticket).ok()?;
        queued.get_mut(position)
    }

    /// Adds a bookmark after the changes that are queued now.
    pub(super) fn push_bookmark(&mut self, kind: Kind, resource_version: i64) {
        self.bookmarks.push_back((self.next_ticket, kind, resource_version));
    }

    /// Adds a renewal of the lease to the next batch.
    pub(super) fn push_renewal(&mut self, renewal: Renewal) {
        self.renewal = Some(renewal);
    }

    /// Takes changes of all tenants in turn, and the bookmarks after which nothing older remains. Returns `None` if there are none.
    pub(super) fn take(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let (mut cost, mut bytes, mut text) = (0, 0, 0);
        while let Some(namespace) = self.turns.pop_front() {
            let Some(entry) = self.tenants.get_mut(&namespace).and_then(|queued| {
                let decoded_bytes = queued.front()?.change.decoded_bytes();
                let fits = batch.entries.is_empty() || bytes + decoded_bytes <= MAX_BATCH_BYTES;
                if fits { queued.pop_front() } else { None }
            }) else {
                self.turns.push_front(namespace);
                break;
            };
            bytes += entry.change.decoded_bytes();
            text += entry.change.text_bytes();
            cost += cost_of(&entry.change);
            self.end_turn(namespace);
            batch.tickets.push(entry.ticket);
            self.forget(&entry);
            batch.entries.push(entry);
            if cost >= MAX_BATCH_COST || text >= MAX_BATCH_TEXT {
                break;
            }
        }
        batch.bookmarks = self.due_bookmarks(&batch.tickets);
        batch.renewal = self.renewal.take();
        let is_empty = batch.entries.is_empty() && batch.bookmarks.is_empty() && batch.renewal.is_none();
        (!is_empty).then_some(batch)
    }

    /// Lets the other namespaces have their turns before this one.
    fn end_turn(&mut self, namespace: String) {
        if self.tenants.get(&namespace).is_some_and(VecDeque::is_empty) {
            self.tenants.remove(&namespace);
        } else {
            self.turns.push_back(namespace);
        }
    }

    /// Removes a taken version from the index of the queued ones.
    fn forget(&mut self, entry: &Entry) {
        let uid = entry.change.identity().uid;
        if self.newest.get(&uid) == Some(&entry.ticket) {
            self.newest.remove(&uid);
        }
    }

    fn due_bookmarks(&mut self, taken: &[u64]) -> Vec<(Kind, i64)> {
        let taken: BTreeSet<u64> = taken.iter().copied().collect();
        let oldest = self.unfinished.iter().find(|ticket| !taken.contains(ticket)).copied();
        let oldest = oldest.unwrap_or(self.next_ticket);
        let due = self.bookmarks.iter().take_while(|(ticket, ..)| *ticket <= oldest).count();
        self.bookmarks.drain(..due).map(|(_, kind, version)| (kind, version)).collect()
    }

    /// Records that the changes of a batch are stored. Returns the ticket up to which all are.
    pub(super) fn complete(&mut self, batch: &Batch) -> u64 {
        for ticket in &batch.tickets {
            self.unfinished.remove(ticket);
        }
        self.unfinished.first().copied().unwrap_or(self.next_ticket)
    }
}

impl Batch {
    /// Takes the changes out of the batch, which still has their tickets.
    pub(in crate::mirror) fn take_entries(&mut self) -> Vec<Entry> {
        mem::take(&mut self.entries)
    }
}

fn cost_of(change: &ObjectText) -> usize {
    match change.identity().kind {
        Kind::Plan | Kind::Tenant => CLUSTER_SCOPED_COST,
        Kind::Workflow | Kind::WorkflowRun => 1,
    }
}
