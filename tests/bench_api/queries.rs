//! The requests that are measured.

use anyhow::ensure;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{load::Target, platform::Platform, postgraphile::PostGraphile, server::Server};

/// Number of runs of a page of the list.
pub(crate) const PAGE: usize = 50;
/// Number of workflows, and of the runs of each, that the GraphQL documents select.
const WORKFLOWS: usize = 20;
const RUNS: usize = 5;

pub(crate) struct Queries {
    /// List of workflows with one nested connection.
    pub(crate) graphql: Target,
    /// The same for PostGraphile.
    pub(crate) postgraphile: Target,
    /// List of runs.
    pub(crate) list: Target,
    /// A single run; another one each time.
    pub(crate) run: Target,
    /// Start of a run.
    pub(crate) submit: Target,
}

impl Queries {
    pub(crate) async fn new(
        (platform, tenant): (&Platform, Uuid),
        server: &Server,
        rival: &PostGraphile,
    ) -> anyhow::Result<Self> {
        let (runs, workflow) = platform.ids(tenant).await?;
        let of_server = |method: Method, paths: Vec<String>, body: &Value| Target {
            address: server.address,
            method,
            paths,
            token: Some(server.token.clone()),
            body: if body.is_null() { String::new() } else { body.to_string() },
        };
        let get = |paths| of_server(Method::GET, paths, &Value::Null);
        let post = |path: String, body: &Value| of_server(Method::POST, vec![path], body);
        let graphql = format!(
            "{{ workflows(first: {WORKFLOWS}) {{ nodes {{ id name displayName createdAt runs(first: {RUNS}) {{ \
             nodes {{ id name status createdAt finishedAt }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"
        );
        let of_rival = format!(
            "{{ allWorkflows(first: {WORKFLOWS}, orderBy: [CREATED_AT_DESC]) {{ nodes {{ id name displayName createdAt \
             workflowRunsByWorkflowId(first: {RUNS}, orderBy: [CREATED_AT_DESC]) {{ \
             nodes {{ id name status createdAt finishedAt }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"
        );
        let body = json!({"query": of_rival}).to_string();
        let paths = vec!["/graphql".to_owned()];
        Ok(Self {
            graphql: post("/graphql".to_owned(), &json!({"query": graphql})),
            postgraphile: Target { address: rival.address, method: Method::POST, paths, token: None, body },
            list: get(vec![format!("/v1/workflow-runs?limit={PAGE}")]),
            run: get(runs.iter().map(|id| format!("/v1/workflow-runs/{id}")).collect()),
            submit: post(format!("/v1/workflows/{workflow}/runs"), &json!({"input": {"total": 12.5}})),
        })
    }

    /// Checks that the servers answer, and that both GraphQL servers return the same runs.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let own = self.graphql.once().await?;
        let rival = self.postgraphile.once().await?;
        let own_names = names(&own, "/data/workflows/nodes", "runs");
        let rival_names = names(&rival, "/data/allWorkflows/nodes", "workflowRunsByWorkflowId");
        let is_complete = own_names.len() == WORKFLOWS * RUNS && own_names == rival_names;
        ensure!(is_complete, "the servers return different runs: {own_names:?} and {rival_names:?}");
        let list = self.list.once().await?;
        let rows = list.get("data").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(rows == PAGE, "the list has {rows} rows");
        let run = self.run.once().await?;
        ensure!(run.get("output").is_some_and(Value::is_object), "the run lacks its output: {run}");
        Ok(())
    }
}

/// Returns the names of the nested runs.
fn names(answer: &Value, workflows: &str, runs: &str) -> Vec<String> {
    let workflows = answer.pointer(workflows).and_then(Value::as_array).into_iter().flatten();
    let runs = workflows.filter_map(|workflow| workflow.get(runs)?.get("nodes")?.as_array());
    runs.flatten().filter_map(|run| run.get("name")?.as_str().map(str::to_owned)).collect()
}
