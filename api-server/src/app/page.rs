//! Pages as callers see them: with cursors, which are good for the same list only.

use std::fmt::Write as _;

use uuid::Uuid;

use super::Error;
use crate::store::{self, CursorKey, Limit, Order, Position};

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// The cursor after which it begins; none for the first page.
    pub after: Option<String>,
    /// Which end the list begins at.
    pub order: Order,
    /// How many objects at most.
    pub limit: Limit,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The objects, in order.
    pub items: Vec<T>,
    /// The cursor of the last of them, if there are more.
    pub next: Option<String>,
    /// How many were asked for.
    pub limit: Limit,
    /// Makes the cursor of any of them.
    pub list: List,
}

/// A list: whose, of what, filtered and sorted how. Its cursors are good for no other.
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
    /// A list of a tenant's things, or of the platform's.
    pub(super) fn new(key: &CursorKey, owner: Option<Uuid>, collection: &str, order: Order) -> Self {
        let owner = owner.map(|id| id.to_string()).unwrap_or_default();
        Self { key: key.clone(), name: format!("{owner}/{collection}/{order:?}") }
    }

    /// The list, with only what a filter lets through.
    #[must_use]
    pub(super) fn filtered(mut self, filter: &str, value: Option<impl std::fmt::Debug>) -> Self {
        if let Some(value) = value {
            // Writing into a string cannot fail.
            write!(self.name, "&{filter}={value:?}").ok();
        }
        self
    }

    /// The cursor of an object's place.
    #[must_use]
    pub fn cursor(&self, position: Position) -> String {
        self.key.sign(&self.name, position)
    }

    /// The place that a page begins after.
    pub(super) fn open(&self, paging: &Paging) -> Result<Option<Position>, Error> {
        Ok(paging.after.as_deref().map(|cursor| self.key.verify(&self.name, cursor)).transpose()?)
    }

    /// A page that the store has found.
    pub(super) fn page<T>(self, found: store::Page<T>, limit: Limit) -> Page<T> {
        let next = found.next.map(|position| self.cursor(position));
        Page { items: found.items, next, limit, list: self }
    }
}
