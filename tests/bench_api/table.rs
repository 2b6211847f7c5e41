//! The results as a table, with the goals beside the figures.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use super::{CONNECTIONS, load::Series, queries::PAGE};

/// Results of all rounds.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) graphql: Series,
    /// Processor time that the api-server used for them.
    pub(crate) graphql_processor: Duration,
    pub(crate) postgraphile: Series,
    pub(crate) list: Series,
    pub(crate) list_processor: Duration,
    /// Transactions per second of pgbench, of each round.
    pub(crate) transactions: Vec<f64>,
    pub(crate) statements: Vec<f64>,
    pub(crate) run: Series,
    pub(crate) submit: Series,
    /// Creations of runs in Kubernetes, without the api-server.
    pub(crate) creation: Series,
    /// Memory with idle connections after the start, in bytes.
    pub(crate) idle: u64,
    /// The same after the load.
    pub(crate) loaded: u64,
}

/// Goals of the issue.
const GRAPHQL_FACTOR: f64 = 5.0;
const GRAPHQL_P99_MS: f64 = 25.0;
const LIST_FACTOR: f64 = 0.5;
const RUN_P50_MS: f64 = 1.0;
const SUBMIT_P50_MS: f64 = 8.0;
const MEMORY: u64 = 100_000_000;

impl Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { graphql, postgraphile, list, run, submit, creation, .. } = self;
        let (transactions, statements) = (mean(&self.transactions), mean(&self.statements));
        writeln!(f, "| measured | api-server | rival | goal |\n| --- | --- | --- | --- |")?;
        let factor = graphql.rate() / postgraphile.rate();
        writeln!(
            f,
            "| GraphQL, 20 workflows with 5 runs each, {CONNECTIONS} connections | {} | PostGraphile 5 (one process): {} | \
             {GRAPHQL_FACTOR} × its requests: {factor:.2} ×, {}; p99 {GRAPHQL_P99_MS} ms: {} |",
            throughput(graphql, self.graphql_processor),
            throughput(postgraphile, Duration::ZERO),
            verdict(factor >= GRAPHQL_FACTOR),
            verdict(graphql.percentile(99) <= GRAPHQL_P99_MS),
        )?;
        let factor = list.rate() / transactions;
        writeln!(
            f,
            "| REST, list of {PAGE} runs, {CONNECTIONS} connections | {} | pgbench, its transaction: {transactions:.0}/s; \
             its statement alone: {statements:.0}/s | {LIST_FACTOR} × the transactions: {factor:.2} ×, {} |",
            throughput(list, self.list_processor),
            verdict(factor >= LIST_FACTOR),
        )?;
        writeln!(
            f,
            "| REST, a run by its ID, 1 connection | {} | | p50 {RUN_P50_MS} ms: {} |",
            latency(run),
            verdict(run.percentile(50) <= RUN_P50_MS),
        )?;
        writeln!(
            f,
            "| REST, start of a run, 1 connection | {} | created in Kubernetes alone: {} | p50 {SUBMIT_P50_MS} ms: {} |",
            latency(submit),
            latency(creation),
            verdict(submit.percentile(50) <= SUBMIT_P50_MS),
        )?;
        for (when, bytes) in [("before the load", self.idle), ("after the load", self.loaded)] {
            writeln!(
                f,
                "| resident memory, 1,000 idle connections, {when} | {} MB | | {} MB: {} |",
                bytes / 1_000_000,
                MEMORY / 1_000_000,
                verdict(bytes <= MEMORY),
            )?;
        }
        Ok(())
    }
}

fn throughput(series: &Series, processor: Duration) -> String {
    let requests = u32::try_from(series.times.len().max(1)).unwrap_or(u32::MAX);
    let processor = match processor {
        Duration::ZERO => String::new(),
        used => format!(", {:.2} ms of processor each", used.as_secs_f64() * 1000.0 / f64::from(requests)),
    };
    format!("{:.0}/s, {}{processor}", series.rate(), latency(series))
}

fn latency(series: &Series) -> String {
    format!("p50 {:.2} ms, p99 {:.2} ms", series.percentile(50), series.percentile(99))
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / u32::try_from(rates.len()).map(f64::from).unwrap_or(f64::NAN)
}

fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "MISSED" }
}
