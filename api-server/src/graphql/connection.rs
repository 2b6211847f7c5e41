//! Conversion of pages into Relay connections.

use async_graphql::{
    OutputType,
    connection::{Connection, Edge},
};

use crate::{
    app::page::{Page, Paging},
    store::{Limit, Order, Position},
};

/// Relay connection of nodes.
pub(super) type ConnectionOf<N> = Connection<String, N>;

/// Returns the page that the arguments `first` and `after` select.
pub(super) fn paging(first: i32, after: Option<String>) -> Paging {
    let limit = Limit::new(first.into()).unwrap_or_default();
    Paging { after, order: Order::NewestFirst, limit }
}

/// Returns the maximum cost of a page of `first` nodes, each of which costs `node`.
pub(super) fn cost(first: i32, node: usize) -> usize {
    usize::try_from(first).unwrap_or_default().clamp(1, 100).saturating_mul(node).saturating_add(1)
}

/// Converts a page into a connection.
pub(super) fn connection<R, N: OutputType>(
    page: Page<R>,
    paging: &Paging,
    position: impl Fn(&R) -> Position,
    node: impl Fn(R) -> N,
) -> ConnectionOf<N> {
    let Page { items, next, limit: _, list } = page;
    let mut connection = Connection::new(paging.after.is_some(), next.is_some());
    let edges = items.into_iter().map(|row| Edge::new(list.cursor(position(&row)), node(row)));
    connection.edges.extend(edges);
    connection
}
