//! Pages of lists, by keyset: where the last one ended, never how many were skipped.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::db::Timestamp;

/// The place of a row in a list: lists are in the order of creation, and of the id where two are as old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the row's object was created.
    pub created_at: Timestamp,
    /// The row's id.
    pub id: Uuid,
}

/// Which end a list begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The youngest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// How many rows a page has at most: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// A limit, where it is in the bounds.
    #[must_use]
    pub fn new(limit: i64) -> Option<Self> {
        u8::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)).map(Self)
    }

    /// The limit as a number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// Some rows, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many as the limit.
    pub items: Vec<T>,
    /// The position of the last of them, if there are more.
    pub next: Option<Position>,
}

/// Ends a list's query: the rows after a position, in order, and one more than asked for (it tells whether there
/// are more).
pub(super) fn push_keyset(
    query: &mut QueryBuilder<Postgres>,
    order: Order,
    after: Option<Position>,
    limit: Limit,
) {
    let (compare, direction) = match order {
        Order::NewestFirst => ("<", "desc"),
        Order::OldestFirst => (">", "asc"),
    };
    if let Some(Position { created_at, id }) = after {
        query.push(format_args!(" and (created_at, id) {compare} ("));
        query.push_bind(created_at).push(", ").push_bind(id).push(")");
    }
    query.push(format_args!(" order by created_at {direction}, id {direction} limit "));
    query.push_bind(i64::from(limit.0) + 1);
}

/// Makes a page of what a query that ended in [`push_keyset`] found.
pub(super) fn page<T>(mut rows: Vec<T>, limit: Limit, position: impl Fn(&T) -> Position) -> Page<T> {
    let more = rows.len() > limit.get();
    rows.truncate(limit.get());
    let next = if more { rows.last().map(position) } else { None };
    Page { items: rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client asks for a million rows and gets them, or for none and loops for ever.
    #[test]
    fn limits_are_1_to_100() {
        let accepted = [-1, 0, 1, 100, 101, 256, i64::MAX].map(|limit| Limit::new(limit).map(Limit::get));
        assert_eq!(accepted, [None, None, Some(1), Some(100), None, None, None]);
    }
}
