//! Names of SQL statements for spans: the operation and the first table, such as `select workflow_runs`. Statements are constants of the
//! programs, whose values are parameters, so that there are as many names as there are pairs of an operation and a table.

/// Operations that are part of a name.
const OPERATIONS: [&str; 9] =
    ["select", "insert", "update", "delete", "with", "begin", "commit", "rollback", "set"];
/// Words that are followed by the table.
const BEFORE_TABLE: [&str; 3] = ["from", "into", "update"];
/// Name of any other statement.
const OTHER: &str = "sql";

/// Returns the name of a statement.
pub(super) fn name(sql: &str) -> String {
    let mut words =
        sql.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.eq_ignore_ascii_case(first)) else {
        return OTHER.to_owned();
    };
    let is_before_table = |word: &str| BEFORE_TABLE.iter().any(|before| before.eq_ignore_ascii_case(word));
    let table = match is_before_table(first) {
        true => words.next(),
        false => words.by_ref().find(|word| is_before_table(word)).and_then(|_| words.next()),
    };
    match table.filter(|table| is_table(table)) {
        Some(table) => format!("{operation} {table}"),
        None => (*operation).to_owned(),
    }
}

/// Returns whether a word can be the name of a table. Subqueries and functions that return rows have none.
fn is_table(word: &str) -> bool {
    let is_identifier = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_identifier
        && !matches!(word, "select" | "unnest" | "lateral" | "generate_series" | "json_to_recordset")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name has the operation and the table, and nothing of the values.
    #[test]
    fn a_name_has_operation_and_table() {
        for (sql, expected) in [
            ("select id, name from workflow_runs where tenant_id = $1", "select workflow_runs"),
            ("\n\nSELECT 1\n", "select"),
            ("select r.* from unnest($1::uuid[]) as w (id)", "select"),
            ("select exists (select from mirror_sync where kind = $1)", "select mirror_sync"),
            ("insert into events (seq) values ($1)", "insert events"),
            ("update tenants set state = $1", "update tenants"),
            ("delete from run_logs where id = $1", "delete run_logs"),
            ("begin; set local app.tenant_id = 'a0000000-0000-4000-8000-000000000001'", "begin"),
            ("vacuum analyze", "sql"),
            ("", "sql"),
        ] {
            assert_eq!(name(sql), expected, "{sql}");
        }
    }
}
