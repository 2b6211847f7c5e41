//! Pages of lists, with cursors that are valid for their own list only.

use std::fmt::Write as _;

use uuid::Uuid;

use super::Error;
use crate::store::{self, CursorKey, Limit, Order, Position};

/// Selection of a page.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// Cursor after which the page starts; `None` for the first page.
    pub after: Option<String>,
    /// Order of the list.
    pub order: Order,
    /// Page size.
    pub limit: Limit,
}

/// Page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// Objects, in order.
    pub items: Vec<T>,
    /// Cursor of the last object; `None` on the last page.
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

    /// Returns the cursor of an object's position.
    #[must_use]
    pub fn cursor(&self, position: Position) -> String {
        self.key.sign(&self.name, position)
    }

    /// Returns the position after which a page starts.
    ///
    /// # Errors
    /// Returns an error if the cursor was altered or belongs to another list.
    pub(super) fn open(&self, paging: &Paging) -> Result<Option<Position>, Error> {
        Ok(paging.after.as_deref().map(|cursor| self.key.verify(&self.name, cursor)).transpose()?)
    }

    /// Converts a page of the store.
    pub(super) fn page<T>(self, found: store::Page<T>, limit: Limit) -> Page<T> {
        let next = found.next.map(|position| self.cursor(position));
        Page { items: found.items, next, limit, list: self }
    }
}
