//! Layout of the diagram: tables in columns, each to the right of the tables that it refers to.

use std::collections::BTreeMap;

use super::Table;

/// Height of a row. All lengths are in pixels.
pub(super) const ROW_HEIGHT: u32 = 20;
pub(super) const TABLE_WIDTH: u32 = 310;
const GAP_X: u32 = 90;
const GAP_Y: u32 = 30;
pub(super) const MARGIN: u32 = 30;
/// Maximum height of a column of tables; further tables are placed in the next column.
const MAX_HEIGHT: u32 = 900;

/// A table with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PositionedTable {
    pub table: Table,
    pub x: u32,
    pub y: u32,
}

impl PositionedTable {
    pub(super) fn height(&self) -> u32 {
        height(&self.table)
    }
}

fn height(table: &Table) -> u32 {
    let rows = u32::try_from(table.columns.len()).unwrap_or(u32::MAX);
    ROW_HEIGHT.saturating_mul(rows.saturating_add(1)).saturating_add(ROW_HEIGHT / 2)
}

/// Places the tables, ordered by rank and then by name.
pub(super) fn arrange(tables: Vec<Table>) -> Vec<PositionedTable> {
    let ranks = ranks(&tables);
    let rank = |table: &Table| ranks.get(&table.name).copied().unwrap_or(0);
    let mut tables = tables;
    tables.sort_by_key(|table| (rank(table), table.name.clone()));
    let mut positioned: Vec<PositionedTable> = Vec::new();
    for table in tables {
        let (x, y) = match positioned.last() {
            None => (MARGIN, MARGIN),
            Some(above) => {
                let below = above.y + above.height() + GAP_Y;
                if rank(&above.table) == rank(&table) && below + height(&table) <= MAX_HEIGHT {
                    (above.x, below)
                } else {
                    (above.x + TABLE_WIDTH + GAP_X, MARGIN)
                }
            }
        };
        positioned.push(PositionedTable { table, x, y });
    }
    positioned
}

/// Returns the rank of each table: 0 if it refers to no other, otherwise one more than the highest rank of
/// the tables that it refers to. The number of iterations is limited to the number of tables, so that cyclic
/// references terminate.
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
