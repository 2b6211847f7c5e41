//! The type `Event`, and its connection.

use async_graphql::{
    ID, Json, Object, SimpleObject,
    connection::{Connection, Edge},
};
use serde_json::Value;

use crate::{
    app::events::{EventPage, EventPlace, EventPosition},
    graphql::{global_id::GlobalId, scalars::DateTime},
    store::events::{self, Events},
};

/// Connection of events.
pub(in crate::graphql) type EventConnection = Connection<String, Event, EventPageEnd>;

/// End of a page of events.
#[derive(SimpleObject)]
pub(in crate::graphql) struct EventPageEnd {
    /// Value of `after` to continue after this page. Also set on the last page, since further events will follow.
    next_cursor: String,
}

/// Change of an object of the tenant.
pub(in crate::graphql) struct Event(pub(in crate::graphql) events::Event);

/// Change of an object of the tenant.
#[Object]
impl Event {
    /// Global ID of the event.
    pub(in crate::graphql) async fn id(&self) -> ID {
        GlobalId::Event(EventPosition::after(&self.0)).encode()
    }

    /// Kind of the object: `TENANT`, `WORKFLOW` or `WORKFLOW_RUN`; more may be added.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Kind of the change: `CREATED`, `UPDATED` or `DELETED`; more may be added.
    async fn change(&self) -> &str {
        &self.0.change
    }

    /// Global ID of the object. Null if `kind` is one that this version does not know.
    async fn object_id(&self) -> Option<ID> {
        GlobalId::of_changed_object(&self.0.kind, self.0.object_id).map(|id| id.encode())
    }

    /// Some fields of the object after the change: of a run `name`, `workflow` (the name of its workflow) and `status`; more may be
    /// added.
    async fn data(&self) -> Json<&Value> {
        Json(&self.0.data)
    }

    /// Time at which the change was stored.
    async fn created_at(&self) -> DateTime {
        self.0.at.into()
    }
}

/// Converts a page of events into a connection.
pub(in crate::graphql) fn event_connection(found: Events, page: EventPage) -> EventConnection {
    let next_cursor = page.next(&found).to_string();
    let Events { items, has_more } = found;
    let (has_previous, has_next) = match page.place {
        EventPlace::After(after) => (after != EventPosition::default(), has_more),
        EventPlace::Before(_) => (has_more, true),
        EventPlace::End => (has_more, false),
    };
    let mut connection =
        Connection::with_additional_fields(has_previous, has_next, EventPageEnd { next_cursor });
    let edge = |event: events::Event| Edge::new(EventPosition::after(&event).to_string(), Event(event));
    connection.edges.extend(items.into_iter().map(edge));
    connection
}
