//! Conversion of pages into Relay connections.

use async_graphql::{
    OutputType, Result,
    connection::{Connection, Edge},
};

use super::{
    error::{from_app, invalid_parameter},
    total::{Counted, Total},
};
use crate::{
    app::{
        events::{EventPage, EventPlace},
        page::{Direction, Page, Paging},
    },
    store::{Limit, Order, Position},
};

/// Relay connection of nodes.
pub(super) type ConnectionOf<N> = Connection<String, N, Total>;

/// Largest page of a connection.
const MAX_PAGE: usize = 100;

/// Arguments that select a page of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct PageArguments {
    /// Page size of a page that is read forward.
    pub(super) first: Option<i32>,
    /// Cursor after which the page starts.
    pub(super) after: Option<String>,
    /// Page size of a page that is read backward.
    pub(super) last: Option<i32>,
    /// Cursor before which the page ends.
    pub(super) before: Option<String>,
}

impl PageArguments {
    /// Returns the page that the arguments select in a list of this order.
    ///
    /// # Errors
    /// Returns an error unless the arguments are `first` with or without `after`, or `last` with or without `before`.
    pub(super) fn paging(self, order: impl Into<Order>) -> Result<Paging> {
        let Self { first, after, last, before } = self;
        let (size, cursor, direction) = match (first, after, last, before) {
            (Some(first), after, None, None) => (first, after, Direction::Forward),
            (None, None, Some(last), before) => (last, before, Direction::Backward),
            (None, _, None, _) => return Err(invalid_parameter("first or last is required: 1 to 100")),
            _ => {
                let message = "use either first, with or without after, or last, with or without before";
                return Err(invalid_parameter(message));
            }
        };
        // The arguments of the schema have the same bounds.
        let limit =
            Limit::new(size.into()).ok_or_else(|| invalid_parameter("first and last are 1 to 100"))?;
        Ok(Paging { cursor, order: order.into(), limit, direction })
    }
}

impl PageArguments {
    /// Returns the page that the arguments select among events.
    ///
    /// # Errors
    /// Returns an error as [`Self::paging`] does, or if the cursor is none of an event.
    pub(super) fn event_page(self) -> Result<EventPage> {
        let Paging { cursor, order: _, limit, direction } = self.paging(Order::OldestFirst)?;
        let position = cursor.as_deref().map(str::parse).transpose().map_err(from_app)?;
        let place = match (direction, position) {
            (Direction::Forward, position) => EventPlace::After(position.unwrap_or_default()),
            (Direction::Backward, Some(position)) => EventPlace::Before(position),
            (Direction::Backward, None) => EventPlace::End,
        };
        Ok(EventPage { place, limit })
    }
}

/// Returns the maximum cost of a page of `first` or `last` nodes, each of which costs `node`.
pub(super) fn cost(first: Option<i32>, last: Option<i32>, node: usize) -> usize {
    let size = first.max(last).and_then(|size| usize::try_from(size).ok()).unwrap_or(MAX_PAGE);
    size.clamp(1, MAX_PAGE).saturating_mul(node).saturating_add(1)
}

/// Converts a page of a list into a connection.
pub(super) fn connection<R, N: OutputType>(
    page: Page<R>,
    paging: &Paging,
    position: impl Fn(&R) -> Position,
    node: impl Fn(R) -> N,
    counted: Counted,
) -> ConnectionOf<N> {
    let Page { items, next, limit: _, list } = page;
    let (begins_at_cursor, continues) = (paging.cursor.is_some(), next.is_some());
    let (has_previous, has_next) = match paging.direction {
        Direction::Forward => (begins_at_cursor, continues),
        Direction::Backward => (continues, begins_at_cursor),
    };
    let mut connection = Connection::with_additional_fields(has_previous, has_next, Total(counted));
    let edges = items.into_iter().map(|row| Edge::new(list.cursor(position(&row)), node(row)));
    connection.edges.extend(edges);
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page is selected by `first` or by `last`, and mixed arguments are refused instead of being ignored.
    #[test]
    fn a_page_is_selected_by_first_or_by_last() {
        let page = |first: Option<i32>, after: Option<&str>, last: Option<i32>, before: Option<&str>| {
            let (after, before) = (after.map(str::to_owned), before.map(str::to_owned));
            PageArguments { first, after, last, before }.paging(Order::NewestFirst).ok()
        };
        let forward = page(Some(2), Some("c"), None, None).unwrap();
        assert_eq!((forward.direction, forward.cursor.as_deref()), (Direction::Forward, Some("c")));
        let backward = page(None, None, Some(2), None).unwrap();
        assert_eq!((backward.direction, backward.cursor), (Direction::Backward, None));
        assert!(page(None, None, None, None).is_none());
        assert!(page(Some(1), None, Some(1), None).is_none());
        assert!(page(Some(1), None, None, Some("c")).is_none());
        assert!(page(None, Some("c"), Some(1), None).is_none());
        assert!(page(Some(0), None, None, None).is_none());
    }

    /// A connection costs as much as all nodes that its largest page may have.
    #[test]
    fn a_connection_costs_as_much_as_its_page() {
        assert_eq!(cost(Some(10), None, 3), 31);
        assert_eq!(cost(None, Some(10), 3), 31);
        assert_eq!(cost(None, None, 3), 301);
        assert_eq!(cost(Some(i32::MAX), None, 1), 101);
    }
}
