//! Columns of `kubectl get`.

use std::time::Duration;

use tests::{kubectl::kubectl, wait::until};

use super::kubectl::create;

/// Deadline until all columns are filled: ten times the interval of ten seconds at which `lastRun` is written.
const DEADLINE: Duration = Duration::from_secs(100);
/// Columns that are empty for a workflow without a schedule.
const SCHEDULE_COLUMNS: &[&str] = &["SCHEDULE", "NEXT-RUN"];

/// Row of a table: its name and its empty columns.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    empty: Vec<String>,
}

/// No column of `kubectl get` is empty for the resources of the product.
#[tokio::test]
async fn every_column_is_filled() -> anyhow::Result<()> {
    let (orders, greeting) = (create("order-invoice").await?, create("greeting").await?);
    let report = create("nightly-report").await?;
    let expected: [(&str, &[&str]); 10] = [
        ("plan.smbcopilot.dev/starter", &[]),
        ("plan.smbcopilot.dev/pro", &[]),
        ("tenant.smbcopilot.dev/acme", &[]),
        ("tenant.smbcopilot.dev/globex", &[]),
        ("workflow.smbcopilot.dev/order-invoice", SCHEDULE_COLUMNS),
        ("workflow.smbcopilot.dev/greeting", SCHEDULE_COLUMNS),
        ("workflow.smbcopilot.dev/nightly-report", &[]),
        (orders.trim(), &[]),
        (greeting.trim(), &[]),
        (report.trim(), &[]),
    ];
    let observe = async || {
        let rows = rows(&kubectl(&["get", "splan,sten,swf,swr", "--all-namespaces"]).await?);
        Ok(expected.map(|(name, blank)| (name, empty(&rows, name, blank))))
    };
    let filled = |found: &[(&str, Option<Vec<String>>); 10]| {
        found.iter().all(|(_, empty)| empty.as_ref().is_some_and(Vec::is_empty))
    };
    until("no column is empty", DEADLINE, observe, filled).await.map(drop)
}

/// Returns the empty columns of the row with that name, except for those that may be empty, or `None` if
/// there is no such row.
fn empty(rows: &[Row], name: &str, blank: &[&str]) -> Option<Vec<String>> {
    let row = rows.iter().find(|row| row.name == name)?;
    Some(row.empty.iter().filter(|column| !blank.contains(&column.as_str())).cloned().collect())
}

/// Parses the rows of all tables. An empty line ends a table, and its first line contains the names of the
/// columns.
fn rows(text: &str) -> Vec<Row> {
    text.split("\n\n").flat_map(table).collect()
}

fn table(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let columns = columns(lines.next().unwrap_or_default());
    lines.map(|line| row(line, &columns)).collect()
}

/// Returns the position and the name of each column.
fn columns(header: &str) -> Vec<(usize, String)> {
    let mut columns = Vec::<(usize, String)>::new();
    let mut before = ' ';
    for (at, letter) in header.chars().enumerate() {
        match columns.last_mut() {
            Some((_, name)) if before != ' ' && letter != ' ' => name.push(letter),
            _ if letter != ' ' => columns.push((at, letter.to_string())),
            _ => {}
        }
        before = letter;
    }
    columns
}

fn row(line: &str, columns: &[(usize, String)]) -> Row {
    let ends = columns.iter().skip(1).map(|(start, _)| *start).chain([usize::MAX]);
    let cell = |start: usize, end: usize| -> String {
        let cell: String = line.chars().skip(start).take(end - start).collect();
        cell.trim().to_owned()
    };
    let cells: Vec<(&str, String)> =
        columns.iter().zip(ends).map(|((start, name), end)| (name.as_str(), cell(*start, end))).collect();
    let is_blank = |cell: &str| matches!(cell, "" | "<none>" | "<unknown>" | "<invalid>");
    let empty = cells.iter().filter(|(_, cell)| is_blank(cell));
    Row {
        empty: empty.map(|(name, _)| (*name).to_owned()).collect(),
        name: cells.into_iter().find(|(name, _)| *name == "NAME").map(|(_, cell)| cell).unwrap_or_default(),
    }
}

/// An empty cell is found, which the test above relies on.
#[test]
fn an_empty_cell_is_found() {
    let text =
        "NAMESPACE   NAME    READY   AGE\nt-acme      one     True    3s\nt-acme      two             3s\n";
    let row = |name: &str, empty: &[&str]| Row {
        name: name.to_owned(),
        empty: empty.iter().map(|column| (*column).to_owned()).collect(),
    };
    assert_eq!(rows(text), [row("one", &[]), row("two", &["READY"])]);
}
