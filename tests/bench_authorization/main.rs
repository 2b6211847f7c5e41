//! Benchmark of authorization in a tenant with 10,000 users and 1,000 policies: what it adds to a request, explanations of decisions, and
//! lists. Started by `cargo xtask bench authorization`.

mod decision;
mod requests;
mod table;
mod tenant;

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use tests::{api_router::ApiRouter, environment::variable};

use requests::Client;
use table::Results;
use tenant::BenchTenant;

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
    let requests = variable("SMBCOPILOT_BENCH_REQUESTS")?;
    let requests: usize = requests.parse().context("SMBCOPILOT_BENCH_REQUESTS is not a number")?;
    let router = ApiRouter::start_without_kubernetes().await?;
    let tenant = BenchTenant::create(&router.owner).await?;
    let client = Client::new(&router)?;
    let results = Results {
        built_in: decision::measure(&router, "builder").await?,
        plain: decision::measure(&router, &tenant.plain_role).await?,
        conditional: decision::measure(&router, &tenant.conditional_role).await?,
        explanation: client.explanations(requests, |_| vec![tenant.conditional_role.clone()]).await?,
        large_explanation: client.explanations(requests, |number| tenant.roles_of_number(number)).await?,
        plain_list: client.workflows(&tenant.plain_role, requests).await?,
        conditional_list: client.workflows(&tenant.conditional_role, requests).await?,
        users: client.pages("/v1/users", tenant::USERS).await?,
        policies: client.pages("/v1/policies", tenant::POLICIES).await?,
    };
    print(&format!(
        "{requests} requests of each kind; {}\n\n{results}",
        variable("SMBCOPILOT_BENCH_MACHINE")?
    ));
    Ok(())
}

fn print(text: &str) {
    // A reader that has gone away does not change the result.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
