//! What `kubectl get` shows.

use std::time::Duration;

use tests::{kubectl::kubectl, wait::until};

use super::kubectl::create;

/// The longest that a column lags: `lastRun` is written every ten seconds.
const DEADLINE: Duration = Duration::from_secs(100);
/// Blank where a workflow has no schedule.
const OF_A_SCHEDULE: &[&str] = &["SCHEDULE", "NEXT-RUN"];

/// A row of a table: its name, and the columns that are empty in it.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    empty: Vec<String>,
}

/// Whoever looks at the cluster sees blanks where they look for a state.
#[tokio::test]
async fn every_column_is_filled() -> anyhow::Result<()> {
    let (orders, greeting) = (create("order-invoice").await?, create("greeting").await?);
    let report = create("nightly-report").await?;
    let expected: [(&str, &[&str]); 10] = [
        ("plan.smbcopilot.dev/starter", &[]),
        ("plan.smbcopilot.dev/pro", &[]),
        ("tenant.smbcopilot.dev/acme", &[]),
        ("tenant.smbcopilot.dev/globex", &[]),
        ("workflow.smbcopilot.dev/order-invoice", OF_A_SCHEDULE),
        ("workflow.smbcopilot.dev/greeting", OF_A_SCHEDULE),
        ("workflow.smbcopilot.dev/nightly-report", &[]),
        (orders.trim(), &[]),
        (greeting.trim(), &[]),
        (report.trim(), &[]),
    ];
    let look = async || {
        let rows = rows(&kubectl(&["get", "splan,sten,swf,swr", "--all-namespaces"]).await?);
        Ok(expected.map(|(name, blank)| (name, empty(&rows, name, blank))))
    };
    let filled = |found: &[(&str, Option<Vec<String>>); 10]| {
        found.iter().all(|(_, empty)| empty.as_ref().is_some_and(Vec::is_empty))
    };
    until("no column is empty", DEADLINE, look, filled).await.map(drop)
}

/// The empty columns of the row of that name, but for those that may be blank; none where the row is not there.
fn empty(rows: &[Row], name: &str, blank: &[&str]) -> Option<Vec<String>> {
    let row = rows.iter().find(|row| row.name == name)?;
    Some(row.empty.iter().filter(|column| !blank.contains(&column.as_str())).cloned().collect())
}

/// The rows of all tables; an empty line ends a table, the first line of one names its columns.
fn rows(text: &str) -> Vec<Row> {
    text.split("\n\n").flat_map(table).collect()
}

fn table(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let columns = columns(lines.next().unwrap_or_default());
    lines.map(|line| row(line, &columns)).collect()
}

/// The columns' names, and where each begins.
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

/// The scenario above would be satisfied by a table that it cannot read.
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
