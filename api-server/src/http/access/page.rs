//! `docs/security/access.md`, which has the expected answers. `api-server/access/access.py` computes them.

use std::collections::BTreeSet;

use super::objects::Which;

const PAGE: &str = include_str!("../../../../docs/security/access.md");

/// Expected answers to an operation.
pub(super) struct Row {
    /// Name of the operation, as in `operations.yaml`.
    pub(super) operation: &'static str,
    /// Names of the required permissions; `public` or `authenticated` if there are none.
    pub(super) requires: Vec<&'static str>,
    /// Answers by caller.
    answers: Vec<(&'static str, &'static str)>,
}

/// Returns the rows of REST and GraphQL.
pub(super) fn rows() -> Vec<Row> {
    ["rest", "graphql"].into_iter().flat_map(section).collect()
}

/// Returns the roles with the names of their permissions.
pub(super) fn roles() -> Vec<(&'static str, BTreeSet<&'static str>)> {
    let mut lines = lines_of_section("roles");
    let header = lines.next().unwrap();
    let rows: Vec<_> = lines.skip(1).collect();
    let permissions = |column: usize| {
        let granted = rows.iter().filter(move |cells| cells[column] == "yes");
        granted.map(|cells| cells[0].trim_matches('`')).collect()
    };
    header.iter().copied().enumerate().skip(1).map(|(column, role)| (role, permissions(column))).collect()
}

fn lines_of_section(section: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let (_, text) = PAGE.split_once(&format!("<!-- begin {section} -->\n")).unwrap();
    let (text, _) = text.split_once("<!-- end").unwrap();
    text.lines().map(cells)
}

fn section(name: &str) -> Vec<Row> {
    let mut lines = lines_of_section(name);
    let (header, _) = (lines.next().unwrap(), lines.next());
    let row = |cells: Vec<&'static str>| {
        assert_eq!(cells.len(), header.len(), "{cells:?}");
        Row {
            operation: cells[0].trim_matches('`'),
            requires: cells[1].split(", ").map(|permission| permission.trim_matches('`')).collect(),
            answers: header.iter().copied().zip(cells.iter().copied()).skip(2).collect(),
        }
    };
    lines.map(row).collect()
}

fn cells(line: &'static str) -> Vec<&'static str> {
    let line = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap();
    line.split('|').map(str::trim).collect()
}

impl Row {
    /// Returns the callers, in the order of the columns.
    pub(super) fn callers(&self) -> impl Iterator<Item = &'static str> {
        self.answers.iter().map(|(caller, _)| *caller)
    }

    /// Returns all answers to a caller, as the page has them.
    pub(super) fn cell(&self, caller: &str) -> &'static str {
        self.answers.iter().find(|(name, _)| *name == caller).map_or("", |(_, cell)| cell)
    }

    /// Returns whether the operation names an object.
    pub(super) fn names_object(&self) -> bool {
        self.answers.iter().any(|(_, cell)| cell.contains(' '))
    }

    /// Returns the expected answer to a caller who names an object.
    pub(super) fn answer(&self, caller: &str, which: Which) -> &'static str {
        let cell = self.cell(caller);
        let position = match which {
            Which::Own => 0,
            Which::Foreign => 1,
            Which::Missing => 2,
        };
        cell.split(' ').nth(position).unwrap_or(cell)
    }
}
