//! Clients that public generators make from the OpenAPI document take the tour of an application: start a run, wait for it, read its
//! steps and its log, and page through a list.

use std::time::Duration;

use tests::{
    clients::{DOCUMENT, Workspace, execute},
    environment::variable,
};
use tokio::{process::Command, sync::Mutex};

/// Deadline of a generator or of a tour, ten times what it takes on two cores.
const DEADLINE: Duration = Duration::from_secs(300);
/// Workflow of the tenant `globex` that the tours start.
const WORKFLOW: &str = "greeting";

/// The programs run one after the other: together they exceed the requests that the plan of the tenant allows.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Adds the server, a token of `globex` and the workflow to the environment of a program.
fn with_server(command: &mut Command) -> anyhow::Result<&mut Command> {
    Ok(command
        .env("SMBCOPILOT_URL", variable("SMBCOPILOT_TEST_API_URL")?)
        .env("SMBCOPILOT_TOKEN", variable("SMBCOPILOT_TEST_GLOBEX_TOKEN")?)
        .env("SMBCOPILOT_WORKFLOW", WORKFLOW))
}

/// The generated Python client takes the tour.
#[tokio::test]
async fn a_python_client_takes_the_tour() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let workspace = Workspace::create()?;
    workspace.copy("python/tour.py")?;
    workspace.copy("python/generator.yaml")?;
    let mut generator = workspace.python();
    generator.args(["-m", "openapi_python_client", "generate", "--meta", "none", "--path", DOCUMENT]);
    generator.args([
        "--config",
        "generator.yaml",
        "--fail-on-warning",
        "--output-path",
        "smb_copilot_client",
    ]);
    execute(&mut generator, DEADLINE).await?;
    let printed = execute(with_server(workspace.python().arg("tour.py"))?, DEADLINE).await?;
    assert!(printed.starts_with("started greeting-"), "{printed}");
    Ok(())
}

/// The TypeScript client with generated types has no type error and takes the tour.
#[tokio::test]
async fn a_typescript_client_takes_the_tour() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let workspace = Workspace::with_typescript(&["tour.ts"])?;
    let mut generator = workspace.npm_program("openapi-typescript/bin/cli.js");
    execute(generator.args([DOCUMENT, "--output", "api.ts"]), DEADLINE).await?;
    workspace.check_types().await?;
    let printed = execute(with_server(workspace.node().arg("tour.ts"))?, DEADLINE).await?;
    assert!(printed.starts_with("started greeting-"), "{printed}");
    Ok(())
}
