//! Where each table stands: in columns, what refers to others to the right of them.

use std::collections::BTreeMap;

use super::Table;

/// All lengths are in pixels of the drawing.
pub(super) const ROW: u32 = 20;
pub(super) const WIDTH: u32 = 310;
const GAP_X: u32 = 90;
const GAP_Y: u32 = 30;
pub(super) const MARGIN: u32 = 30;
/// A column of tables that would get higher goes on in the next.
const TALLEST: u32 = 900;

/// A table with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub table: Table,
    pub x: u32,
    pub y: u32,
}

impl Placed {
    pub(super) fn height(&self) -> u32 {
        height(&self.table)
    }
}

fn height(table: &Table) -> u32 {
    let rows = u32::try_from(table.columns.len()).unwrap_or(u32::MAX);
    ROW.saturating_mul(rows.saturating_add(1)).saturating_add(ROW / 2)
}

/// Places tables: by how far they are from those that refer to nothing, then by name.
pub(super) fn arrange(tables: Vec<Table>) -> Vec<Placed> {
    let ranks = ranks(&tables);
    let rank = |table: &Table| ranks.get(&table.name).copied().unwrap_or(0);
    let mut tables = tables;
    tables.sort_by_key(|table| (rank(table), table.name.clone()));
    let mut placed: Vec<Placed> = Vec::new();
    for table in tables {
        let (x, y) = match placed.last() {
            None => (MARGIN, MARGIN),
            Some(above) => {
                let below = above.y + above.height() + GAP_Y;
                if rank(&above.table) == rank(&table) && below + height(&table) <= TALLEST {
                    (above.x, below)
                } else {
                    (above.x + WIDTH + GAP_X, MARGIN)
                }
            }
        };
        placed.push(Placed { table, x, y });
    }
    placed
}

/// 0 for tables that refer to none; one more than the highest of those it refers to for the others. References in
/// a circle end the climb after as many rounds as there are tables.
fn ranks(tables: &[Table]) -> BTreeMap<String, usize> {
    let mut ranks: BTreeMap<String, usize> = tables.iter().map(|table| (table.name.clone(), 0)).collect();
    for _ in tables {
        for table in tables {
            let targets = table.columns.iter().filter_map(|column| column.reference.as_ref());
            let others = targets.filter(|target| target.table != table.name);
            let highest = others.filter_map(|target| ranks.get(&target.table)).max().copied();
            if let Some(highest) = highest {
                ranks.insert(table.name.clone(), (highest + 1).min(tables.len()));
            }
        }
    }
    ranks
}
