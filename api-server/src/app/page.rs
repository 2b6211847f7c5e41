//! Pages of lists, with cursors that are valid for their own list only.

use std::fmt::Write as _;

use uuid::Uuid;

use super::Error;
use crate::store::{self, Created, CursorKey, Limit, Order, Position};

/// Selection of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Paging {
    /// Cursor at which the page begins, without the object of the cursor itself; `None` for the beginning of the list, or for
    /// its end if the page is read backward.
    pub cursor: Option<String>,
    /// Order of the list, which is also that of the page.
    pub order: Order,
    /// Page size.
    pub limit: Limit,
    /// Direction in which the page is read from its cursor.
    pub direction: Direction,
}

/// Direction in which a page is read from its cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The page has the objects that follow the cursor.
    #[default]
    Forward,
    /// The page has the objects that precede the cursor.
    Backward,
}

impl Paging {
    /// Returns the order in which the store reads the page: a page that is read backward is the beginning of the list in the
    /// opposite order.
    pub(super) fn reading_order(&self) -> Order {
        match self.direction {
            Direction::Forward => self.order,
            Direction::Backward => self.order.reversed(),
        }
    }
}

/// Page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Objects, in order.
    pub items: Vec<T>,
    /// Cursor of the next page in the direction of reading; `None` on the last page.
    pub next: Option<String>,
    /// Page size.
    pub limit: Limit,
    /// List, which makes cursors of objects.
    pub list: List,
}

/// List with an owner, a collection, filters and an order. Its cursors are not valid for any other list.
#[derive(Clone)]
pub struct List {
    key: CursorKey,
    name: String,
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("name", &self.name).finish_non_exhaustive()
    }
}

impl List {
    /// Builds the list of a collection. The owner is a tenant, or `None` for a collection of the platform.
    pub(super) fn new(key: &CursorKey, owner: Option<Uuid>, collection: &str, order: Order) -> Self {
        let owner = owner.map(|id| id.to_string()).unwrap_or_default();
        Self { key: key.clone(), name: format!("{owner}/{collection}/{order:?}") }
    }

    /// Adds a filter.
    #[must_use]
    pub(super) fn filtered(mut self, filter: &str, value: Option<impl std::fmt::Debug>) -> Self {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            write!(self.name, "&{filter}={value:?}").ok();
        }
        self
    }

    /// Adds the filters of the creation time.
    #[must_use]
    pub(super) fn created(self, Created { after, before }: Created) -> Self {
        self.filtered("createdAfter", after).filtered("createdBefore", before)
    }

    /// Returns the cursor of an object's position.
    #[must_use]
    pub fn cursor(&self, position: Position) -> String {
        self.key.sign(&self.name, position)
    }

    /// Returns the position at which a page begins.
    ///
    /// # Errors
    /// Returns an error if the cursor was altered or belongs to another list.
    pub(super) fn open(&self, paging: &Paging) -> Result<Option<Position>, Error> {
        Ok(paging.cursor.as_deref().map(|cursor| self.key.verify(&self.name, cursor)).transpose()?)
    }

    /// Converts a page that the store has read in [`Paging::reading_order`].
    pub(super) fn page<T>(self, found: store::Page<T>, paging: &Paging) -> Page<T> {
        let store::Page { mut items, next } = found;
        let next = next.map(|position| self.cursor(position));
        if paging.direction == Direction::Backward {
            items.reverse();
        }
        Page { items, next, limit: paging.limit, list: self }
    }
}
