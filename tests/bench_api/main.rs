//! Benchmark of REST and GraphQL: the api-server as a process, each measurement in turn with its rival on the same database. Started by
//! `cargo xtask bench api`.

mod load;
mod memory;
mod pgbench;
mod platform;
mod postgraphile;
mod queries;
mod server;
mod submit;
mod table;

use std::{io::Write as _, process::ExitCode, str::FromStr, time::Duration};

use anyhow::Context as _;
use tests::environment::variable;

use self::{
    load::Target,
    pgbench::Script,
    platform::Platform,
    postgraphile::PostGraphile,
    queries::{PAGE, Queries},
    server::Server,
    table::Results,
};

/// Number of connections of a load.
const CONNECTIONS: usize = 8;

// One thread: the generator of the load leaves the other cores to the servers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard output is the result of a benchmark that has succeeded.
            let _ = std::io::stderr().write_all(format!("{error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> anyhow::Result<()> {
    let runs: i32 = number("SMBCOPILOT_BENCH_RUNS")?;
    let rounds: usize = number("SMBCOPILOT_BENCH_ROUNDS")?;
    let duration = Duration::from_secs(number("SMBCOPILOT_BENCH_SECONDS")?);
    let platform = Platform::create().await?;
    let server = Server::start(&platform).await?;
    let mut results = Results { idle: memory::with_idle_connections(&server).await?, ..Results::default() };
    let tenant = platform.tenant_id().await?;
    platform.store_runs(tenant, runs).await?;
    let rival = PostGraphile::start(&platform.database.url, tenant)?;
    let queries = Queries::new((&platform, tenant), &server, &rival).await?;
    queries.check().await?;
    let statement = statement_of_list(&queries.list, &platform).await?;
    for _ in 0..rounds {
        let before = server.processor_time()?;
        results.graphql.add(queries.graphql.load(CONNECTIONS, duration).await?);
        results.graphql_processor += server.processor_time()? - before;
        results.postgraphile.add(queries.postgraphile.load(CONNECTIONS, duration).await?);
        let before = server.processor_time()?;
        results.list.add(queries.list.load(CONNECTIONS, duration).await?);
        results.list_processor += server.processor_time()? - before;
        for (script, rates) in
            [(Script::Transaction, &mut results.transactions), (Script::Statement, &mut results.statements)]
        {
            let size = (CONNECTIONS, PAGE, duration);
            rates.push(pgbench::run((&platform.database.url, tenant), &statement, script, size).await?);
        }
        results.run.add(queries.run.load(1, duration).await?);
        submit::measure(&queries.submit, &platform, &mut results).await?;
    }
    results.loaded = memory::with_idle_connections(&server).await?;
    let machine = variable("SMBCOPILOT_BENCH_MACHINE")?;
    let size = format!("{runs} finished runs, {rounds} rounds of {} s each; {machine}", duration.as_secs());
    print(&format!("{size}\n\n{results}\n{statement}\n"));
    Ok(())
}

/// Returns the statement of a list, as pgbench can execute it.
async fn statement_of_list(list: &Target, platform: &Platform) -> anyhow::Result<String> {
    tokio::select! {
        statement = pgbench::captured_statement(&platform.owner) => statement,
        error = load_until_error(list) => Err(error),
    }
}

async fn load_until_error(target: &Target) -> anyhow::Error {
    loop {
        if let Err(error) = target.load(CONNECTIONS, Duration::from_secs(1)).await {
            return error;
        }
    }
}

fn number<T>(name: &str) -> anyhow::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    variable(name)?.parse().with_context(|| format!("{name} is not a number"))
}

fn print(text: &str) {
    // A reader that has gone away does not change the result.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
