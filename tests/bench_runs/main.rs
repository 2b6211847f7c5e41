//! Benchmark of a run with three steps: its duration with a new pod and with an idle runner, its writes, and
//! the time that the cluster alone takes for the same. Started by `cargo xtask bench runs`.

mod audit;
mod floor;
mod table;

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::{cluster, environment::variable, run_watch::RunWatch, scenario::apply_tenant};

/// Steps of the run, executed one after the other.
const STEPS: &str = r#"
- {name: a, python: {code: "def run(input, ctx): return 1"}}
- {name: b, needs: [a], python: {code: "def run(input, ctx): return 2"}}
- {name: c, needs: [b], python: {code: "def run(input, ctx): return 3"}}
"#;

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> anyhow::Result<()> {
    let count: usize =
        variable("SMBCOPILOT_BENCH_RUNS")?.parse().context("SMBCOPILOT_BENCH_RUNS is not a number")?;
    let log = variable("SMBCOPILOT_BENCH_AUDIT")?;
    let client = cluster::client().await?;
    let namespace = apply_tenant(&client, "bench", &Value::Null).await?;
    let mut watch = RunWatch::new(&client, &namespace);

    let cold_flow = watch.apply_workflow("cold", spec(&json!({}))?).await?;
    watch.run(&cold_flow).await.context("the first run, which is not measured, failed")?;
    let before = audit::size(&log)?;
    let cold = watch.runs(&cold_flow, count).await?;
    let cold_writes = audit::writes(&log, before, &namespace)?;
    let cold_floor = floor::pods(&client, &namespace, watch.pod(), count).await?;

    let warm_flow = watch.apply_workflow("warm", spec(&json!({"keepAlive": "5m"}))?).await?;
    watch.run(&warm_flow).await.context("the first warm run, which is not measured, failed")?;
    let before = audit::size(&log)?;
    let warm = watch.runs(&warm_flow, count).await?;
    let warm_writes = audit::writes(&log, before, &namespace)?;
    let warm_floor = floor::writes(&client, &namespace, count).await?;

    print(&format!(
        "{count} runs each of three Python steps in a chain; {}\n",
        variable("SMBCOPILOT_BENCH_MACHINE")?
    ));
    print(&table::latencies(&[
        ("cold run", &cold),
        ("floor: a bare pod of the same containers, until both run", &cold_floor),
        ("warm run (keepAlive)", &warm),
        ("floor: one create and five writes by two parties that watch each other", &warm_floor),
    ]));
    print(&table::writes("writes of a cold run", &cold_writes, count));
    print(&table::writes("writes of a warm run", &warm_writes, count));
    Ok(())
}

fn spec(runners: &Value) -> anyhow::Result<Value> {
    let steps: Value = serde_yaml::from_str(STEPS)?;
    Ok(json!({"steps": steps, "runners": runners}))
}

/// Prints a line; a closed pipe is ignored.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
