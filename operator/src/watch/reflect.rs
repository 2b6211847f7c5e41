//! One watch: it keeps a store current and says what came, changed and went.

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

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change<K> {
    /// It is there, new or changed, or may have changed while the watch was interrupted.
    Seen(Arc<K>),
    /// It is gone, or no longer matches what is watched; with its last known content.
    Gone(Arc<K>),
}

impl<K> Change<K> {
    /// The object, as it is or was.
    pub(crate) fn object(&self) -> &Arc<K> {
        match self {
            Self::Seen(object) | Self::Gone(object) => object,
        }
    }
}

/// Who hears of changes.
pub(crate) trait Listener<K> {
    /// Takes a change, waiting for room where it must.
    fn hear(&self, change: Change<K>) -> impl Future<Output = ()> + Send;
    /// Takes an object that cannot be parsed.
    fn unparsable(&self, object: Unparsable);
}

/// Watches until asked to stop. Interruptions are retried with backoff, and an object that cannot be
/// parsed is reported and left out of the store.
pub(crate) async fn reflect<K: Readable>(
    api: Api<K>,
    config: watcher::Config,
    writer: Writer<K>,
    listener: impl Listener<K>,
    stop: CancellationToken,
) {
    let guarded: Api<DeserializeGuard<K>> = match api.namespace() {
        Some(_) => return tracing::error!("a watch is over all namespaces"),
        None => Api::all(api.into_client()),
    };
    let events = watcher(guarded, config).default_backoff().take_until(stop.cancelled_owned());
    let mut events = std::pin::pin!(events);
    let mut reflection = Reflection::new(writer);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let (changes, unparsable) = reflection.apply(event);
                unparsable.into_iter().for_each(|object| listener.unparsable(object));
                for change in changes {
                    listener.hear(change).await;
                }
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = chain(&error), "a watch is interrupted")
            }
        }
    }
}

/// The store, and what a list that is under way has brought so far.
struct Reflection<K: Readable> {
    writer: Writer<K>,
    store: Store<K>,
    /// Objects that the last list or event could not parse: a store has no place for them.
    listing: HashMap<ObjectRef<K>, Arc<K>>,
}

type Applied<K> = (Vec<Change<K>>, Option<Unparsable>);

impl<K: Readable> Reflection<K> {
    fn new(writer: Writer<K>) -> Self {
        Self { store: writer.as_reader(), writer, listing: HashMap::new() }
    }

    fn apply(&mut self, event: Event<DeserializeGuard<K>>) -> Applied<K> {
        match event {
            Event::Init => self.begin_list(),
            Event::InitApply(object) => self.listed(object),
            Event::InitDone => (self.end_list(), None),
            Event::Apply(object) => self.applied(object),
            Event::Delete(object) => (self.deleted(&object), None),
        }
    }

    fn begin_list(&mut self) -> Applied<K> {
        self.listing.clear();
        self.writer.apply_watcher_event(&Event::Init);
        (Vec::new(), None)
    }

    fn listed(&mut self, object: DeserializeGuard<K>) -> Applied<K> {
        let unparsable = match object.0 {
            Ok(object) => {
                self.writer.apply_watcher_event(&Event::InitApply(object.clone()));
                self.listing.insert(ObjectRef::from_obj(&object), Arc::new(object));
                None
            }
            Err(invalid) => Some(Unparsable::of::<K>(invalid)),
        };
        (Vec::new(), unparsable)
    }

    /// The list replaces the store; what is not in it went while nobody watched.
    fn end_list(&mut self) -> Vec<Change<K>> {
        let before = self.store.state();
        self.writer.apply_watcher_event(&Event::InitDone);
        let now = std::mem::take(&mut self.listing);
        let gone =
            before.into_iter().filter(|object| !now.contains_key(&ObjectRef::from_obj(object.as_ref())));
        let gone: Vec<_> = gone.map(Change::Gone).collect();
        now.into_values().map(Change::Seen).chain(gone).collect()
    }

    fn applied(&mut self, object: DeserializeGuard<K>) -> Applied<K> {
        match object.0 {
            Ok(object) => {
                self.writer.apply_watcher_event(&Event::Apply(object.clone()));
                (vec![Change::Seen(Arc::new(object))], None)
            }
            Err(invalid) => {
                let unparsable = Unparsable::of::<K>(invalid);
                let known = self.store.get(&unparsable.reference());
                (known.map(|known| self.forget(&known)).into_iter().collect(), Some(unparsable))
            }
        }
    }

    fn deleted(&mut self, object: &DeserializeGuard<K>) -> Vec<Change<K>> {
        let reference = ObjectRef::from_obj(object).into_kind_unchecked(());
        let parsed = object.0.as_ref().ok().map(|object| Arc::new(object.clone()));
        let last = parsed.or_else(|| self.store.get(&reference));
        last.map(|last| self.forget(&last)).into_iter().collect()
    }

    fn forget(&mut self, object: &Arc<K>) -> Change<K> {
        self.writer.apply_watcher_event(&Event::Delete(object.as_ref().clone()));
        Change::Gone(Arc::clone(object))
    }
}
