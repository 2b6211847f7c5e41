//! Renders the diagram as SVG.

use std::fmt::Write as _;

use super::{
    Column, Reference,
    layout::{MARGIN, PositionedTable, ROW_HEIGHT, TABLE_WIDTH},
};

const STYLE: &str = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}\
.name{font-weight:bold;fill:#fff}.type{fill:#656d76}.key{font-weight:bold}\
.box{fill:#fff;stroke:#0b5394}.head{fill:#0b5394}\
.reference{fill:none;stroke:#0b5394;stroke-width:1.3}.unenforced{stroke-dasharray:5 4}";
/// Horizontal distance of a text from the border of its table. All lengths are in pixels.
const PADDING: u32 = 8;
/// Distance of a table's name from the upper border of the table to the baseline of the text.
const NAME_BASELINE: u32 = 14;
/// Distance of a column's name from the upper border of its row to the baseline of the text.
const COLUMN_BASELINE: u32 = 16;
/// Distance of the end of a reference from the upper border of its row.
const REFERENCE_Y: u32 = 12;
/// Horizontal distance of the control points of a curve from its ends.
const CURVE_OFFSET: u32 = 60;

/// Renders the complete diagram.
pub(super) fn svg(tables: &[PositionedTable]) -> String {
    let width = tables.iter().map(|table| table.x + TABLE_WIDTH + MARGIN).max().unwrap_or(0);
    let height = tables.iter().map(|table| table.y + table.height() + MARGIN).max().unwrap_or(0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Tables of SMB Copilot\">\n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#f6f8fa\"/>\n"
    );
    for table in tables {
        draw_references(&mut svg, table, tables);
    }
    for table in tables {
        draw_table(&mut svg, table);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_table(svg: &mut String, positioned: &PositionedTable) {
    let PositionedTable { table, x, y } = positioned;
    push_line(svg, format_args!("<g id=\"{}\">", table.name));
    let height = positioned.height();
    push_line(
        svg,
        format_args!(
            "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{TABLE_WIDTH}\" height=\"{height}\" rx=\"4\"/>"
        ),
    );
    push_line(
        svg,
        format_args!(
            "<rect class=\"head\" x=\"{x}\" y=\"{y}\" width=\"{TABLE_WIDTH}\" height=\"{ROW_HEIGHT}\" rx=\"4\"/>"
        ),
    );
    push_line(
        svg,
        format_args!(
            "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
            x + PADDING,
            y + NAME_BASELINE,
            table.name
        ),
    );
    for (index, column) in (1..).zip(&table.columns) {
        draw_column(svg, column, *x, y + ROW_HEIGHT * index + COLUMN_BASELINE);
    }
    push_line(svg, format_args!("</g>"));
}

fn draw_column(svg: &mut String, column: &Column, x: u32, y: u32) {
    let Column { name, type_name, required, primary, reference: _ } = column;
    let class = if *primary { " class=\"key\"" } else { "" };
    let optional = if *required { "" } else { "?" };
    push_line(
        svg,
        format_args!(
            "<text{class} x=\"{}\" y=\"{y}\">{name}</text>\
             <text class=\"type\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{type_name}{optional}</text>",
            x + PADDING,
            x + TABLE_WIDTH - PADDING
        ),
    );
}

/// Draws one curve per reference, from the left side of the referring column to the right side of the
/// referenced one.
fn draw_references(svg: &mut String, from: &PositionedTable, tables: &[PositionedTable]) {
    for (index, column) in (1..).zip(&from.table.columns) {
        let Some(Reference { table, column, enforced }) = &column.reference else { continue };
        let Some(to) = tables.iter().find(|positioned| positioned.table.name == *table) else { continue };
        let target = (1..).zip(&to.table.columns).find(|(_, candidate)| candidate.name == *column);
        let target_row = target.map_or(0, |(row, _)| row);
        let (x1, y1) = (from.x, from.y + ROW_HEIGHT * index + REFERENCE_Y);
        let (x2, y2) = (to.x + TABLE_WIDTH, to.y + ROW_HEIGHT * target_row + REFERENCE_Y);
        // References that the database does not enforce are dashed.
        let class = if *enforced { "reference" } else { "reference unenforced" };
        push_line(
            svg,
            format_args!(
                "<path class=\"{class}\" d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\"/>\
                 <circle class=\"head\" cx=\"{x2}\" cy=\"{y2}\" r=\"3\"/>",
                x1.saturating_sub(CURVE_OFFSET),
                x2 + CURVE_OFFSET
            ),
        );
    }
}

fn push_line(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(svg, "{text}");
}

#[cfg(test)]
mod tests {
    use super::{super::Table, *};
    use crate::erd::layout::arrange;

    fn column(name: &str, reference: Option<(&str, &str)>) -> Column {
        Column {
            name: name.to_owned(),
            type_name: "uuid".to_owned(),
            required: true,
            primary: name == "id",
            reference: reference.map(|(table, column)| Reference {
                table: table.to_owned(),
                column: column.to_owned(),
                enforced: true,
            }),
        }
    }

    /// The diagram does not depend on the order of the tables, and each reference is drawn from a table to
    /// one on its left.
    #[test]
    fn a_table_is_placed_to_the_right_of_the_tables_that_it_refers_to() {
        let orders = Table {
            name: "a_orders".to_owned(),
            columns: vec![column("id", None), column("shop", Some(("z_shops", "id")))],
        };
        let shops = Table { name: "z_shops".to_owned(), columns: vec![column("id", None)] };
        let positioned = arrange(vec![orders.clone(), shops.clone()]);
        assert_eq!(positioned, arrange(vec![shops, orders]));
        let order: Vec<_> = positioned.iter().map(|table| table.table.name.as_str()).collect();
        assert_eq!(order, ["z_shops", "a_orders"]);
        assert_eq!(svg(&positioned).matches("class=\"reference\"").count(), 1);
    }
}
