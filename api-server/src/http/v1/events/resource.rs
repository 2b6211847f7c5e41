//! The JSON representation of events, and the parameters of their lists.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    app::events::{EventPage, EventPlace, EventPosition},
    http::{
        list::Limit,
        v1::{json::AnyJson, time::Time},
    },
    problem::Problem,
    store::events::{self, Events},
};

/// Change of an object of the tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Event {
    /// ID of the event, unique among those of the tenant. Value of `after` to continue after this event.
    #[schema(example = "4711")]
    id: String,
    /// Kind of the object: `TENANT`, `WORKFLOW` or `WORKFLOW_RUN`; more may be added.
    #[schema(example = "WORKFLOW_RUN")]
    kind: String,
    /// Kind of the change: `CREATED`, `UPDATED` or `DELETED`; more may be added.
    #[schema(example = "UPDATED")]
    change: String,
    /// ID of the object.
    object_id: Uuid,
    /// Some fields of the object after the change: of a run `name`, `workflow` (the name of its workflow) and `status`; more may be
    /// added.
    #[schema(value_type = Object)]
    data: AnyJson,
    /// Time at which the change was stored.
    created_at: Time,
}

/// Page of events, oldest first.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventList {
    /// Events of this page, oldest first.
    data: Vec<Event>,
    /// Position of the page in the events.
    page: EventPageInfo,
}

/// Position of a page in the events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct EventPageInfo {
    /// Value of `after` to continue after this page. Also set on the last page, since further events will follow.
    next_cursor: String,
    /// Whether more events exist now.
    has_more: bool,
    /// Maximum number of events on the page.
    limit: usize,
}

/// Paging of events.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Event after which the page begins: the `nextCursor` of the previous page, or the `id` of an event. Default: the oldest event
    /// that is retained.
    after: Option<String>,
    /// Maximum number of events on the page, 1 to 100. Default: 50.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
}

impl Parameters {
    /// Returns the requested page.
    ///
    /// # Errors
    /// Returns an error if `after` is not the ID of an event.
    pub(in crate::http::v1) fn page(self) -> Result<EventPage, Problem> {
        let Self { after, limit } = self;
        let after = after.map_or(Ok(EventPosition::default()), |after| after.parse())?;
        let limit = limit.map(Limit::get).unwrap_or_default();
        Ok(EventPage { place: EventPlace::After(after), limit })
    }
}

impl EventList {
    /// Builds the response for a page.
    pub(in crate::http::v1) fn new(page: EventPage, found: Events) -> Self {
        let next = page.next(&found);
        let Events { items, has_more } = found;
        let page = EventPageInfo { next_cursor: next.to_string(), has_more, limit: page.limit.get() };
        Self { data: items.into_iter().map(Event::from).collect(), page }
    }
}

impl From<events::Event> for Event {
    fn from(event: events::Event) -> Self {
        let id = EventPosition::after(&event).to_string();
        let events::Event { seq: _, kind, object_id, change, data, at } = event;
        Self { id, kind, change, object_id, data: data.into(), created_at: at.into() }
    }
}
