//! `pgbench` with the statement that the api-server executes for a list.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use sqlx::PgPool;
use tests::{cluster::unique, environment::variable};
use tokio::{process::Command, time::sleep};
use uuid::Uuid;

/// Statement of a list, as the server shows it while it is executed.
const ACTIVE_LIST: &str =
    "select query from pg_stat_activity where application_name = 'smb_app' and datname = current_database()
    and query like 'select id, name%from workflow_runs where tenant_id = $1%' limit 1";
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Deadline of the statement: the server executes it all the time meanwhile.
const DEADLINE: Duration = Duration::from_secs(10);
/// The server shows at most so many bytes of a statement.
const MAX_SHOWN_BYTES: usize = 1023;
/// Deadline of pgbench beyond the duration of its measurement.
const GRACE: Duration = Duration::from_secs(30);

/// What pgbench executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// The transaction of the api-server, with the same number of round trips: begin with the tenant, the statement, rollback.
    Transaction,
    /// The statement alone; the tenant is a setting of the connection.
    Statement,
}

/// Reads the statement of a list from the database while `load` makes the api-server execute it.
pub(crate) async fn captured_statement(owner: &PgPool) -> anyhow::Result<String> {
    let captured = async {
        loop {
            if let Some(statement) = sqlx::query_scalar(ACTIVE_LIST).fetch_optional(owner).await? {
                return anyhow::Ok(statement);
            }
            sleep(POLL_INTERVAL).await;
        }
    };
    let statement: String = tokio::time::timeout(DEADLINE, captured)
        .await
        .context("the statement of the list was not seen in time")??;
    ensure!(
        statement.len() < MAX_SHOWN_BYTES,
        "the statement is longer than the database shows: {statement}"
    );
    let is_known = statement.contains("$2") && !statement.contains("$3");
    ensure!(is_known, "the statement has other parameters than the tenant and the limit: {statement}");
    Ok(statement.replace("$1", ":tenant").replace("$2", ":limit"))
}

/// Runs pgbench for this time, and returns the number of transactions per second.
pub(crate) async fn run(
    (url, tenant): (&str, Uuid),
    statement: &str,
    script: Script,
    (connections, rows, duration): (usize, usize, Duration),
) -> anyhow::Result<f64> {
    let text = match script {
        Script::Transaction => format!(
            "\\startpipeline\nbegin;\nselect set_config('app.tenant_id', :tenant, true);\n\\endpipeline\n{statement};\nrollback;\n"
        ),
        Script::Statement => format!("{statement};\n"),
    };
    let file = std::env::temp_dir().join(unique("pgbench"));
    std::fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
    let mut options = "-c role=smb_app".to_owned();
    if script == Script::Statement {
        options.push_str(&format!(" -c app.tenant_id={tenant}"));
    }
    let pgbench = Command::new(PathBuf::from(variable("SMBCOPILOT_BENCH_PGBENCH")?))
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--client", &connections.to_string()])
        .args(["--time", &duration.as_secs().to_string(), "--define", &format!("tenant={tenant}")])
        // One more than a page, which shows whether another one follows.
        .args(["--define", &format!("limit={}", rows + 1), "--file"])
        .args([file.as_os_str(), url.as_ref()])
        .env("PGOPTIONS", options)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(duration + GRACE, pgbench).await.context("pgbench did not end")??;
    let _ = std::fs::remove_file(&file);
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && !errors.contains("aborted"), "pgbench failed: {errors}");
    let rate = printed.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench printed no rate: {printed}{errors}"))
}
