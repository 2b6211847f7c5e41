//! Keyset pagination: a page begins after the position of the last row of the previous page.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::db::Timestamp;

/// Position of a row in a list. Lists are ordered by creation time, and by ID within the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Creation time of the row's object.
    pub created_at: Timestamp,
    /// ID of the row.
    pub id: Uuid,
}

/// Range of creation times of the objects in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Created {
    /// Lower bound, exclusive; `None` if there is none.
    pub after: Option<Timestamp>,
    /// Upper bound, exclusive; `None` if there is none.
    pub before: Option<Timestamp>,
}

/// Sort order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Newest first.
    #[default]
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

impl Order {
    /// Returns the opposite order.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::NewestFirst => Self::OldestFirst,
            Self::OldestFirst => Self::NewestFirst,
        }
    }
}

/// Maximum number of rows of a page: 1 to 100, 50 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit(u8);

impl Limit {
    /// Creates a limit; returns `None` if it is not between 1 and 100.
    #[must_use]
    pub fn new(limit: i64) -> Option<Self> {
        u8::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)).map(Self)
    }

    /// Returns the limit of a query that shows whether more rows follow: one more.
    pub(super) fn with_next(self) -> i64 {
        i64::from(self.0) + 1
    }

    /// Returns the limit as a number.
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

/// Page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Rows of the page, at most as many as the limit.
    pub items: Vec<T>,
    /// Position of the last row, if more rows follow.
    pub next: Option<Position>,
}

/// Number of rows of a list, which is not counted further than [`Count::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(i64);

impl Count {
    /// Number of rows up to which lists are counted. Counting as many index entries takes some milliseconds.
    pub const MAX: i64 = 10_000;

    /// Creates a count of a query that returns at most one more than [`Self::MAX`].
    pub(super) fn new(rows: i64) -> Self {
        Self(rows)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 > Self::MAX {
            true => write!(f, "{}+", Self::MAX),
            false => write!(f, "{}", self.0),
        }
    }
}

/// Begins a query that counts the rows of the query that is appended, which ends with [`push_count_end`].
pub(super) fn count_query() -> QueryBuilder<Postgres> {
    QueryBuilder::new("select count(*) from (select 1 ")
}

/// Ends a query that begins with [`count_query`].
pub(super) fn push_count_end(query: &mut QueryBuilder<Postgres>) {
    query.push(format_args!(" limit {}) as counted", Count::MAX + 1));
}

/// Appends the condition, order and limit of a page to a list query. The query returns one row more than the
/// limit, which shows whether more rows follow.
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
    query.push_bind(limit.with_next());
}

/// Appends the conditions on the creation time to a query for a page after a position. A bound on the side of the position is left
/// out, since all rows of the page lie behind it: Postgres may begin to read an index at either of the two.
pub(super) fn push_created(
    query: &mut QueryBuilder<Postgres>,
    Created { after, before }: Created,
    order: Order,
    position: Option<Position>,
) {
    let position = position.map(|position| position.created_at.to_jiff());
    let (oldest, newest) = match order {
        Order::NewestFirst => (None, position),
        Order::OldestFirst => (position, None),
    };
    let (after, before) = (after.map(representable), before.map(representable));
    if let Some(after) = after.filter(|after| oldest.is_none_or(|oldest| oldest <= *after)) {
        query.push(" and created_at > ").push_bind(Timestamp::from(after));
    }
    if let Some(before) = before.filter(|before| newest.is_none_or(|newest| newest >= *before)) {
        query.push(" and created_at < ").push_bind(Timestamp::from(before));
    }
}

/// Returns a time that Postgres can represent in place of one that is earlier than every row.
fn representable(time: Timestamp) -> jiff::Timestamp {
    time.to_jiff().max(jiff::Timestamp::UNIX_EPOCH)
}

/// Builds a page from the rows of a query that ends with [`push_keyset`].
pub(super) fn page<T>(mut rows: Vec<T>, limit: Limit, position: impl Fn(&T) -> Position) -> Page<T> {
    let more = rows.len() > limit.get();
    rows.truncate(limit.get());
    let next = if more { rows.last().map(position) } else { None };
    Page { items: rows, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A count that was not completed is marked.
    #[test]
    fn a_count_beyond_the_maximum_is_marked() {
        let texts = [0, 137, 10_000, 10_001].map(|rows| Count::new(rows).to_string());
        assert_eq!(texts, ["0", "137", "10000", "10000+"]);
    }

    /// A page has at least 1 and at most 100 rows, whatever a client requests.
    #[test]
    fn limits_are_1_to_100() {
        let accepted = [-1, 0, 1, 100, 101, 256, i64::MAX].map(|limit| Limit::new(limit).map(Limit::get));
        assert_eq!(accepted, [None, None, Some(1), Some(100), None, None, None]);
    }
}
