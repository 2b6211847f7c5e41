//! One watch: keeps a store up to date and passes changes on to a listener.

use std::{collections::HashMap, sync::Arc};

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

use crate::{api::Readable, errors::chain, unparsable::Unparsable};

/// Change of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change<K> {
    /// The object was created or changed, or may have changed while the watch was interrupted.
    Applied(Arc<K>),
    /// The object was deleted or no longer matches the watch's selector. Contains its last known content.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// Returns the current or last known content of the object.
    pub(super) fn object(&self) -> &Arc<K> {
        match self {
            Self::Applied(object) | Self::Deleted(object) => object,
        }
    }
}

/// Receiver of changes.
pub(super) trait Listener<K> {
    /// Processes a change. May wait until there is room in a queue.
    fn on_change(&self, change: Change<K>) -> impl Future<Output = ()> + Send;
    /// Processes an object that cannot be parsed.
    fn on_unparsable(&self, object: Unparsable);
}

/// Watches until `stop` is cancelled. Interruptions are retried with backoff. An object that cannot be parsed
/// is reported and is not put into the store.
pub(super) async fn reflect<K: Readable>(
    api: Api<K>,
    config: watcher::Config,
    writer: Writer<K>,
    listener: impl Listener<K>,
    stop: CancellationToken,
) {
    let guarded: Api<DeserializeGuard<K>> = match api.namespace() {
        Some(_) => return tracing::error!("a watch must cover all namespaces"),
        None => Api::all(api.into_client()),
    };
    let events = watcher(guarded, config).default_backoff().take_until(stop.cancelled_owned());
    let mut events = std::pin::pin!(events);
    let mut reflection = Reflection::new(writer);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let (changes, unparsable) = reflection.apply(event);
                unparsable.into_iter().for_each(|object| listener.on_unparsable(object));
                for change in changes {
                    listener.on_change(change).await;
                }
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = chain(&error), "a watch was interrupted")
            }
        }
    }
}

/// The store, and the objects that an ongoing list has returned so far.
struct Reflection<K: Readable> {
    writer: Writer<K>,
    store: Store<K>,
    /// Objects of the ongoing list that could be parsed.
    listing: HashMap<ObjectRef<K>, Arc<K>>,
}

/// Changes that result from one event, and an object that could not be parsed.
type Changes<K> = (Vec<Change<K>>, Option<Unparsable>);

impl<K: Readable> Reflection<K> {
    fn new(writer: Writer<K>) -> Self {
        Self { store: writer.as_reader(), writer, listing: HashMap::new() }
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
        self.listing.clear();
        self.writer.apply_watcher_event(&Event::Init);
        (Vec::new(), None)
    }

    fn add_to_list(&mut self, object: DeserializeGuard<K>) -> Changes<K> {
        let unparsable = match object.0 {
            Ok(object) => {
                self.writer.apply_watcher_event(&Event::InitApply(object.clone()));
                self.listing.insert(ObjectRef::from_obj(&object), Arc::new(object));
                None
            }
            Err(invalid) => Some(Unparsable::from_invalid::<K>(invalid)),
        };
        (Vec::new(), unparsable)
    }

    /// Replaces the content of the store by the list. Objects that are not in it were deleted during an interruption.
    fn end_list(&mut self) -> Vec<Change<K>> {
        let before = self.store.state();
        self.writer.apply_watcher_event(&Event::InitDone);
        let now = std::mem::take(&mut self.listing);
        let deleted =
            before.into_iter().filter(|object| !now.contains_key(&ObjectRef::from_obj(object.as_ref())));
        let deleted: Vec<_> = deleted.map(Change::Deleted).collect();
        now.into_values().map(Change::Applied).chain(deleted).collect()
    }

    fn apply_object(&mut self, object: DeserializeGuard<K>) -> Changes<K> {
        match object.0 {
            Ok(object) => {
                self.writer.apply_watcher_event(&Event::Apply(object.clone()));
                (vec![Change::Applied(Arc::new(object))], None)
            }
            Err(invalid) => {
                let unparsable = Unparsable::from_invalid::<K>(invalid);
                let known = self.store.get(&unparsable.reference());
                (known.map(|known| self.remove(&known)).into_iter().collect(), Some(unparsable))
            }
        }
    }

    fn delete_object(&mut self, object: &DeserializeGuard<K>) -> Vec<Change<K>> {
        let reference = ObjectRef::from_obj(object).into_kind_unchecked(());
        let parsed = object.0.as_ref().ok().map(|object| Arc::new(object.clone()));
        let last = parsed.or_else(|| self.store.get(&reference));
        last.map(|last| self.remove(&last)).into_iter().collect()
    }

    fn remove(&mut self, object: &Arc<K>) -> Change<K> {
        self.writer.apply_watcher_event(&Event::Delete(object.as_ref().clone()));
        Change::Deleted(Arc::clone(object))
    }
}
