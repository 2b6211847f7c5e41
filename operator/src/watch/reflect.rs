//! One watch: keeps a store up to date and passes changes on to a listener.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::StreamExt as _;
use kube::{
    Api,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt as _,
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use tokio_util::sync::CancellationToken;

use super::unparsable_objects::UnparsableObjects;
use crate::{api::Readable, errors::chain, unparsable::Unparsable};

/// Change of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change<K> {
    /// The object was created or changed, or may have changed while the watch was interrupted.
    Applied {
        /// Stored content before the change, or `None` if the object was unknown.
        previous: Option<Arc<K>>,
        /// Content, before it was trimmed for the store.
        current: Arc<K>,
    },
    /// The object was deleted or no longer matches the watch's selector. Contains its last known content.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// Returns the current or last known content of the object.
    pub(super) fn object(&self) -> &Arc<K> {
        match self {
            Self::Applied { current: object, .. } | Self::Deleted(object) => object,
        }
    }
}

/// Receiver of changes.
pub(super) trait Listener<K> {
    /// What follows from changes.
    type Requests: Send;
    /// Records changes, and returns what follows from them. Never waits.
    fn on_changes(&self, changes: Vec<Change<K>>) -> Self::Requests;
    /// Records that the changes of a full list have been recorded.
    fn on_listed(&self);
    /// Sends what follows from changes. May wait until there is room in a queue.
    fn send(&self, requests: Self::Requests) -> impl Future<Output = ()> + Send;
    /// Processes an object that cannot be parsed.
    fn on_unparsable(&self, object: Unparsable);
}

/// Watches until `stop` is cancelled. Interruptions are retried with backoff. An object that cannot be parsed is reported
/// and recorded, and is not in the store. It exists nevertheless, so it does not count as deleted.
pub(super) async fn reflect<K: Readable>(
    api: Api<K>,
    config: watcher::Config,
    mut reflection: Reflection<K>,
    listener: impl Listener<K>,
    stop: CancellationToken,
) {
    let guarded: Api<DeserializeGuard<K>> = match api.namespace() {
        Some(_) => return tracing::error!("a watch must cover all namespaces"),
        None => Api::all(api.into_client()),
    };
    let events = watcher(guarded, config).default_backoff().take_until(stop.cancelled_owned());
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let is_end_of_list = matches!(event, Event::InitDone);
                let (changes, unparsable) = reflection.apply(event);
                unparsable.into_iter().for_each(|object| listener.on_unparsable(object));
                let requests = listener.on_changes(changes);
                if is_end_of_list {
                    listener.on_listed();
                }
                listener.send(requests).await;
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = chain(&error), "a watch was interrupted")
            }
        }
    }
}

/// The store, and what is known beside it.
pub(super) struct Reflection<K: Readable> {
    writer: Writer<K>,
    store: Store<K>,
    /// Removes from an object what the store does not retain.
    trim: fn(&mut K),
    /// Objects of the ongoing list that could not be parsed.
    listing_unparsable: HashSet<ObjectRef<K>>,
    /// Objects that exist and cannot be parsed.
    unparsable: UnparsableObjects,
    /// Last content that could be parsed of the objects that cannot be parsed any more.
    last_known: HashMap<ObjectRef<K>, Arc<K>>,
}

/// Changes that result from one event, and an object that could not be parsed.
type Changes<K> = (Vec<Change<K>>, Option<Unparsable>);

impl<K: Readable> Reflection<K> {
    /// Returns an empty reflection. `trim` removes from an object what only the listener needs of a change, before the object is
    /// stored.
    pub(super) fn new(writer: Writer<K>, unparsable: UnparsableObjects, trim: fn(&mut K)) -> Self {
        Self {
            store: writer.as_reader(),
            writer,
            trim,
            listing_unparsable: HashSet::new(),
            unparsable,
            last_known: HashMap::new(),
        }
    }

    fn apply(&mut self, event: Event<DeserializeGuard<K>>) -> Changes<K> {
        match event {
            Event::Init => self.begin_list(),
            Event::InitApply(object) => self.add_to_list(object),
            Event::InitDone => (self.end_list(), None),
            Event::Apply(object) => self.apply_object(object),
            Event::Delete(object) => (self.delete_object(&object), None),
        }
    }

    fn begin_list(&mut self) -> Changes<K> {
        self.listing_unparsable.clear();
        self.writer.apply_watcher_event(&Event::Init);
        (Vec::new(), None)
    }

    fn add_to_list(&mut self, object: DeserializeGuard<K>) -> Changes<K> {
        let unparsable = match object.0 {
            Ok(mut object) => {
                // The writer holds all objects of the list until it has ended.
                (self.trim)(&mut object);
                self.writer.apply_watcher_event(&Event::InitApply(object));
                None
            }
            Err(invalid) => {
                let unparsable = Unparsable::from_invalid::<K>(invalid);
                self.unparsable.insert::<K>(&unparsable.reference(), unparsable.uid().to_owned());
                self.listing_unparsable.insert(unparsable.reference());
                Some(unparsable)
            }
        };
        (Vec::new(), unparsable)
    }

    /// Replaces the content of the store by the list. Objects that are not in it were deleted during an interruption.
    fn end_list(&mut self) -> Vec<Change<K>> {
        let mut before = std::mem::take(&mut self.last_known);
        before.extend(self.store.state().into_iter().map(|object| (ObjectRef::from_obj(&*object), object)));
        self.writer.apply_watcher_event(&Event::InitDone);
        let unparsable = std::mem::take(&mut self.listing_unparsable);
        self.unparsable.retain::<K>(|object| unparsable.contains(object));
        let mut changes = Vec::new();
        for current in self.store.state() {
            changes
                .push(Change::Applied { previous: before.remove(&ObjectRef::from_obj(&*current)), current });
        }
        for (reference, object) in before {
            if unparsable.contains(&reference) {
                self.last_known.insert(reference, object);
            } else {
                changes.push(Change::Deleted(object));
            }
        }
        changes
    }

    fn apply_object(&mut self, object: DeserializeGuard<K>) -> Changes<K> {
        match object.0 {
            Ok(object) => {
                let reference = ObjectRef::from_obj(&object);
                let hidden = self.last_known.remove(&reference);
                let previous = self.store.get(&reference).or(hidden);
                let mut stored = object.clone();
                (self.trim)(&mut stored);
                self.writer.apply_watcher_event(&Event::Apply(stored));
                self.unparsable.remove(&reference);
                (vec![Change::Applied { previous, current: Arc::new(object) }], None)
            }
            Err(invalid) => {
                let unparsable = Unparsable::from_invalid::<K>(invalid);
                let reference = unparsable.reference();
                // Recorded first, so that the object exists at any time.
                self.unparsable.insert(&reference, unparsable.uid().to_owned());
                if let Some(known) = self.store.get(&reference) {
                    self.writer.apply_watcher_event(&Event::Delete(known.as_ref().clone()));
                    self.last_known.insert(reference, known);
                }
                (Vec::new(), Some(unparsable))
            }
        }
    }

    fn delete_object(&mut self, object: &DeserializeGuard<K>) -> Vec<Change<K>> {
        let reference = ObjectRef::from_obj(object).into_kind_unchecked(());
        let parsed = object.0.as_ref().ok().map(|object| Arc::new(object.clone()));
        let hidden = self.last_known.remove(&reference);
        let last = parsed.or_else(|| self.store.get(&reference)).or(hidden);
        if let Some(last) = &last {
            self.writer.apply_watcher_event(&Event::Delete(last.as_ref().clone()));
        }
        self.unparsable.remove(&reference);
        last.map(Change::Deleted).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use crds::WorkflowRun;
    use kube::runtime::reflector;
    use serde_json::{Value, json};

    use super::*;

    fn run(priority: &Value) -> DeserializeGuard<WorkflowRun> {
        serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": "order-7", "namespace": "bakery", "uid": "u1"},
            "spec": {"workflowRef": {"name": "intake"}, "priority": priority},
        }))
        .unwrap()
    }

    fn reflection() -> (Reflection<WorkflowRun>, UnparsableObjects, ObjectRef<WorkflowRun>) {
        let (_, writer) = reflector::store();
        let unparsable = UnparsableObjects::default();
        (
            Reflection::new(writer, unparsable.clone(), |_| {}),
            unparsable,
            ObjectRef::new("order-7").within("bakery"),
        )
    }

    /// Returns `+` for each applied object, and `-` for each deleted one.
    fn changes(
        reflection: &mut Reflection<WorkflowRun>,
        event: Event<DeserializeGuard<WorkflowRun>>,
    ) -> String {
        let (changes, _) = reflection.apply(event);
        changes
            .iter()
            .map(|change| if matches!(change, Change::Applied { .. }) { '+' } else { '-' })
            .collect()
    }

    /// An object that cannot be parsed any more is not in the store, and counts as deleted only when it is deleted.
    #[test]
    fn an_object_that_cannot_be_parsed_exists_until_it_is_deleted() {
        let (mut reflection, unparsable, reference) = reflection();
        assert_eq!(changes(&mut reflection, Event::Apply(run(&json!(1)))), "+");
        assert_eq!(changes(&mut reflection, Event::Apply(run(&json!("high")))), "");
        assert_eq!(unparsable.uid(&reference).as_deref(), Some("u1"));
        assert!(reflection.store.get(&reference).is_none());
        for event in [Event::Init, Event::InitApply(run(&json!("high"))), Event::InitDone] {
            assert_eq!(changes(&mut reflection, event), "", "a new list contains the object");
        }
        assert_eq!(unparsable.uids::<WorkflowRun>(), ["u1"]);
        assert_eq!(changes(&mut reflection, Event::Delete(run(&json!("high")))), "-");
        assert_eq!(unparsable.uid(&reference), None);
    }

    /// A listener learns the content before a change and all of the content after it, of which the store holds less.
    #[test]
    fn a_listener_learns_the_content_before_and_after_a_change() {
        let (_, writer) = reflector::store();
        let trim = |run: &mut WorkflowRun| run.spec.workflow_ref.name.clear();
        let mut reflection = Reflection::new(writer, UnparsableObjects::default(), trim);
        let mut priorities = Vec::new();
        let events = [
            Event::Apply(run(&json!(1))),
            Event::Apply(run(&json!(2))),
            Event::Init,
            Event::InitApply(run(&json!(3))),
            Event::InitDone,
        ];
        for change in events.into_iter().flat_map(|event| reflection.apply(event).0) {
            let Change::Applied { previous, current } = change else { panic!("{change:?}") };
            let previous = previous.map(|run| (run.spec.priority, run.spec.workflow_ref.name.clone()));
            priorities.push((previous, current.spec.priority));
        }
        let trimmed = |priority| Some((Some(priority), String::new()));
        assert_eq!(priorities, [(None, Some(1)), (trimmed(1), Some(2)), (trimmed(2), Some(3))]);
    }

    /// An object that can be parsed again is in the store, and one that a new list lacks was deleted.
    #[test]
    fn an_object_that_can_be_parsed_again_is_in_the_store() {
        let (mut reflection, unparsable, reference) = reflection();
        for event in [Event::Init, Event::InitApply(run(&json!("high"))), Event::InitDone] {
            assert_eq!(changes(&mut reflection, event), "");
        }
        assert_eq!(changes(&mut reflection, Event::Apply(run(&json!(2)))), "+");
        assert!(unparsable.uid(&reference).is_none() && reflection.store.get(&reference).is_some());
        assert_eq!(changes(&mut reflection, Event::Apply(run(&json!("high")))), "");
        assert_eq!(changes(&mut reflection, Event::Init), "");
        assert_eq!(changes(&mut reflection, Event::InitDone), "-");
        assert!(unparsable.uids::<WorkflowRun>().is_empty());
    }
}
