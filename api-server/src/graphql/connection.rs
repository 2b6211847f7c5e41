//! Pages as Relay connections.

use async_graphql::{
    OutputType,
    connection::{Connection, Edge},
};

use crate::{
    app::page::{Page, Paging},
    store::{Limit, Order, Position},
};

/// A list of nodes that is read page by page.
pub(super) type ConnectionOf<N> = Connection<String, N>;

/// The page that the arguments `first` and `after` ask for.
pub(super) fn paging(first: i32, after: Option<String>) -> Paging {
    let limit = Limit::new(first.into()).unwrap_or_default();
    Paging { after, order: Order::NewestFirst, limit }
}

/// What a page of so many nodes costs at most.
pub(super) fn cost(first: i32, node: usize) -> usize {
    usize::try_from(first).unwrap_or_default().clamp(1, 100).saturating_mul(node).saturating_add(1)
}

/// A page as a connection.
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
