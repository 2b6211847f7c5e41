//! Kubernetes Events about transitions, shown by `kubectl describe`.

mod rate;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use compute::Shares;
use governor::clock::DefaultClock;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Client, Error as KubeError,
    api::{Api, PostParams},
};
use prometheus_client::metrics::counter::Counter;
use tokio_util::task::TaskTracker;

use self::rate::{Admission, EVENTS_PER_SECOND, EventRates};

/// Maximum length of an Event's note that the API server accepts, in bytes.
const MAX_NOTE_BYTES: usize = 1024;
/// Maximum length of the reporting instance that the API server accepts, in bytes.
const MAX_INSTANCE_BYTES: usize = 128;
/// Maximum length of an object's name in the name of its Events. The rest of the name takes less than 33 bytes.
const MAX_NAME_BYTES: usize = 220;
/// Namespace of Events about objects of the cluster.
const CLUSTER_NAMESPACE: &str = "default";
/// Maximum number of Events that wait to be written in the background, of about 2 KiB each.
const MAX_WAITING: usize = 1_024;
/// Maximum number of Events of one tenant that wait, so that a thousand runs that end together drop no Event of another tenant.
const MAX_WAITING_PER_TENANT: usize = 256;
/// Maximum number of Events that are written in the background at the same time, of about 5 ms each.
const MAX_CONCURRENT: usize = 8;
/// Maximum number of Events of one tenant that are written at the same time, so that two tenants cannot take all.
const MAX_CONCURRENT_PER_TENANT: usize = 4;

/// Publishes Events with the operator as the reporting controller. Clones share their limits.
#[derive(Clone)]
pub(crate) struct Events {
    client: Client,
    instance: String,
    /// Time in the name of the last Event, in microseconds.
    last: Arc<AtomicI64>,
    rates: Arc<EventRates>,
    waiting: Arc<Shares>,
    shares: Arc<Shares>,
    dropped: Counter,
    /// Events that are being written in the background.
    background: TaskTracker,
}

/// An Event that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEvent {
    type_: &'static str,
    action: &'static str,
    reason: &'static str,
    message: String,
    occurrence: Occurrence,
}

/// How often an Event can happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occurrence {
    /// Any number of times.
    Repeated,
    /// Once. The API server refuses to store the Event again if it is published again after a restart.
    Once,
}

impl NewEvent {
    /// Returns an Event of type `Normal`.
    pub(crate) fn normal(action: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { type_: "Normal", action, reason, message, occurrence: Occurrence::Repeated }
    }

    /// Returns an Event of type `Warning`: a user may have to act.
    pub(crate) fn warning(action: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { type_: "Warning", ..Self::normal(action, reason, message) }
    }

    /// Returns the Event as one that happens once in the life of its object, as its last.
    pub(crate) fn once(self) -> Self {
        Self { occurrence: Occurrence::Once, ..self }
    }

    /// Returns the machine-readable reason.
    pub(crate) fn reason(&self) -> &'static str {
        self.reason
    }

    /// Returns the Event with a text after its message.
    pub(crate) fn followed_by(self, text: &str) -> Self {
        let room = MAX_NOTE_BYTES.saturating_sub(text.len());
        Self { message: truncated(self.message, room) + text, ..self }
    }
}

impl fmt::Display for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.type_, self.reason, self.message)
    }
}

impl Events {
    /// Returns a publisher for the operator process `instance`. `dropped` counts the Events that are not published, since there
    /// are too many of their tenant, or too many are waiting.
    pub(crate) fn new(client: Client, instance: &str, dropped: Counter) -> Self {
        Self {
            client,
            instance: truncated(instance.to_owned(), MAX_INSTANCE_BYTES),
            last: Arc::default(),
            rates: Arc::new(EventRates::new(DefaultClock::default())),
            waiting: Arc::new(Shares::new(MAX_WAITING, MAX_WAITING_PER_TENANT)),
            shares: Arc::new(Shares::new(MAX_CONCURRENT, MAX_CONCURRENT_PER_TENANT)),
            dropped,
            background: TaskTracker::new(),
        }
    }

    /// Publishes an Event about an object. A failure is logged: it never makes the caller fail.
    pub(crate) async fn publish(&self, object: &ObjectReference, event: NewEvent) {
        let event = self.build(object, event);
        self.write(event).await;
    }

    /// Publishes an Event in a tracked background task, where the caller cannot wait for it. It is dropped if there are too many
    /// of its tenant, or if too many others are waiting; one Event then says how many were dropped.
    pub(crate) fn publish_in_background(&self, object: &ObjectReference, event: NewEvent) {
        // Of objects of the cluster, such as a Tenant, there are few Events.
        let admission = match object.namespace.as_deref() {
            Some(namespace) => self.rates.admit(namespace),
            None => Admission::Admitted(None),
        };
        match admission {
            Admission::Refused => self.count_dropped(object, &event),
            Admission::Admitted(dropped) => {
                let tenant = object.namespace.as_deref().unwrap_or_default();
                if let Some(dropped) = dropped
                    && !self.enqueue(object, too_many(dropped))
                {
                    self.rates.record_unreported(tenant, dropped);
                }
                if !self.enqueue(object, event) {
                    self.rates.record_dropped(tenant);
                }
            }
        }
    }

    /// Adds an Event to those that wait to be written. Returns false if too many others are waiting.
    fn enqueue(&self, object: &ObjectReference, event: NewEvent) -> bool {
        let tenant = object.namespace.as_deref().unwrap_or_default();
        let Some(waiting) = self.waiting.try_acquire(tenant) else {
            self.count_dropped(object, &event);
            return false;
        };
        let (events, event) = (self.clone(), self.build(object, event));
        self.background.spawn(async move {
            let _waiting = waiting;
            let _permit =
                events.shares.acquire(event.metadata.namespace.as_deref().unwrap_or_default()).await;
            events.write(event).await;
        });
        true
    }

    fn count_dropped(&self, object: &ObjectReference, event: &NewEvent) {
        self.dropped.inc();
        tracing::debug!(%event, object.name, "an Event is not published: there are too many others");
    }

    /// Waits until all Events that are being written in the background are published.
    pub(crate) async fn flush(&self) {
        self.background.close();
        self.background.wait().await;
    }

    /// Builds an Event with its name, so that it exists once if its creation has to be repeated.
    fn build(&self, object: &ObjectReference, event: NewEvent) -> Event {
        let NewEvent { type_, action, reason, message, occurrence } = event;
        let now = telemetry::clock::now();
        let name = match occurrence {
            Occurrence::Repeated => name_at(object, self.next_time(now.as_microsecond())),
            Occurrence::Once => last_name(object),
        };
        let namespace = object.namespace.clone().unwrap_or_else(|| CLUSTER_NAMESPACE.to_owned());
        Event {
            metadata: ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() },
            type_: Some(type_.to_owned()),
            action: Some(action.to_owned()),
            reason: Some(reason.to_owned()),
            note: Some(truncated(message, MAX_NOTE_BYTES)),
            event_time: Some(MicroTime(now)),
            regarding: Some(object.clone()),
            reporting_controller: Some(crds::constants::OPERATOR_MANAGER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        }
    }

    /// Returns the time, or the first later one that no other Event of this process has.
    fn next_time(&self, now: i64) -> i64 {
        let next = |last: i64| now.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(last.unwrap_or_else(|last| last))
    }

    async fn write(&self, event: Event) {
        let namespace = event.metadata.namespace.as_deref().unwrap_or(CLUSTER_NAMESPACE);
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => {}
            Err(KubeError::Api(status)) if status.is_already_exists() => {}
            Err(error) => {
                let (reason, name) = (event.reason, event.metadata.name);
                tracing::warn!(%error, reason, event.name = name, "failed to publish an Event");
            }
        }
    }
}

/// Returns the Event that says how many others of the same tenant were not published.
fn too_many(dropped: u64) -> NewEvent {
    let message = format!(
        "{dropped} Events about objects of this namespace were not published: more than {EVENTS_PER_SECOND} a second were due. The \
         status of each object shows its state"
    );
    NewEvent::warning("Publish", "EventsDropped", message)
}

/// Returns the name of an Event at a time in microseconds. `kubectl describe` lists Events by name, so the names of an object's
/// Events have the order of their times.
fn name_at(object: &ObjectReference, time: i64) -> String {
    format!("{}.{time:016x}", short_name(object))
}

/// Returns the name of the last Event of an object, which follows all others.
fn last_name(object: &ObjectReference) -> String {
    let uid: String = object.uid.iter().flat_map(|uid| uid.chars()).take(8).collect();
    format!("{}.last-{uid}", short_name(object))
}

fn short_name(object: &ObjectReference) -> &str {
    let name = object.name.as_deref().unwrap_or_default();
    name.get(..name.floor_char_boundary(MAX_NAME_BYTES)).unwrap_or_default().trim_end_matches(['-', '.'])
}

fn truncated(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible, sync::Mutex, time::Duration};

    use http::{Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;

    use super::*;

    /// Returns a client of an API server that stores the reasons of the Events by namespace.
    fn recording_client(stored: &Arc<Mutex<BTreeMap<String, Vec<String>>>>) -> Client {
        let stored = Arc::clone(stored);
        let service = tower::service_fn(move |request: Request<Body>| {
            let stored = Arc::clone(&stored);
            async move {
                let bytes = request.into_body().collect().await.unwrap().to_bytes();
                let event: Event = serde_json::from_slice(&bytes).unwrap();
                let namespace = event.metadata.namespace.clone().unwrap();
                stored.lock().unwrap().entry(namespace).or_default().push(event.reason.unwrap());
                Ok::<_, Infallible>(Response::new(Body::from(bytes.to_vec())))
            }
        });
        Client::new(service, "default")
    }

    /// A tenant with hundreds of Events a second does not keep those of another one from being published. What is not published
    /// is counted, and one Event says so.
    #[tokio::test]
    async fn a_flood_of_events_is_dropped_and_reported() {
        let (stored, dropped) = (Arc::default(), Counter::default());
        let events = Events::new(recording_client(&stored), "operator-1", dropped.clone());
        let publish = |namespace: &str| {
            let object = ObjectReference {
                namespace: Some(namespace.to_owned()),
                name: Some("order-7".to_owned()),
                ..ObjectReference::default()
            };
            events.publish_in_background(&object, NewEvent::warning("End", "RunFailed", "failed"));
        };
        (0..2_000).for_each(|_| publish("t-acme"));
        (0..100).for_each(|_| publish("t-globex"));
        let is_reported = || {
            let stored = stored.lock().unwrap();
            stored
                .get("t-acme")
                .is_some_and(|reasons: &Vec<String>| reasons.iter().any(|reason| reason == "EventsDropped"))
        };
        let reported = async {
            while !is_reported() {
                tokio::task::yield_now().await;
                publish("t-acme");
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reported).await.expect("an Event reports the others");
        events.flush().await;
        let stored = stored.lock().unwrap();
        assert_eq!(stored["t-globex"].len(), 100);
        assert_eq!(stored["t-acme"].iter().filter(|reason| *reason == "EventsDropped").count(), 1);
        assert!(stored["t-acme"].len() < 400, "{}", stored["t-acme"].len());
        assert!(dropped.get() > 1_600);
    }

    /// An Event with a long message is accepted by the API server: the message is truncated between characters.
    #[test]
    fn a_long_message_is_truncated_between_characters() {
        let short = truncated("ä".repeat(2_000), MAX_NOTE_BYTES);
        assert!(short.len() <= MAX_NOTE_BYTES && short.ends_with("ä…"));
        let event = NewEvent::normal("Run", "RunFailed", "ä".repeat(2_000)).followed_by("; see its log");
        assert!(event.message.len() <= MAX_NOTE_BYTES && event.message.ends_with("ä…; see its log"));
    }

    /// The names of an object's Events have the order in which they were published, and the last one follows all others.
    #[test]
    fn the_names_of_events_have_the_order_of_their_times() {
        let object = ObjectReference {
            name: Some("order-7".to_owned()),
            uid: Some("0d1f4711-55aa".to_owned()),
            ..ObjectReference::default()
        };
        let early = name_at(&object, 1_795_000_000_000_000);
        let late = name_at(&object, 1_795_000_000_000_001);
        let names = [early.as_str(), late.as_str(), &last_name(&object)];
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names[2], "order-7.last-0d1f4711");
    }
}
