//! The last output of `up`: the steps of the run, and commands to continue with.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::run::Finished;
use super::{TENANT_NAMESPACE, WORKFLOW};
use crate::phase::Phase;
use crate::program::{Program, quote};
use crate::wait;

/// Start of each call; the shell inserts the token.
const CURL: &str = "curl --silent --header \"Authorization: Bearer $SMBCOPILOT_TOKEN\"";

/// How to reach the instance, for the commands in the report.
pub(crate) struct Access {
    /// URL of the api-server.
    pub(crate) url: String,
    /// Token of an administrator of the tenant.
    pub(crate) token: String,
    /// Shell commands that configure kubectl for the cluster, and set `SMBCOPILOT_URL` and `SMBCOPILOT_TOKEN`.
    pub(crate) shell: Vec<String>,
    /// Further commands for the instance.
    pub(crate) commands: Vec<String>,
}

/// The mirror is behind by milliseconds; its first sync after a start takes one or two seconds.
const MIRROR_TIMEOUT: Duration = Duration::from_secs(30);

/// Queries the run over REST and GraphQL with the commands of the report.
///
/// # Errors
/// Returns an error if one of the two does not return the run in time.
pub(crate) fn verify(phase: &mut Phase<'_>, access: &Access, run: &Finished) -> anyhow::Result<()> {
    phase.advice("kubectl --namespace smb-copilot logs deployment/smb-copilot-api-server");
    let (name, uid) = (run.text("/metadata/name"), run.text("/metadata/uid"));
    let output = run.object.pointer("/status/output");
    let is_output = |text: &str| serde_json::from_str::<Value>(text).ok().as_ref() == output;
    query(phase, access, &rest_call(uid), is_output)?;
    query(phase, access, &graphql_call(uid), |text| text.contains(name) && text.contains("SUCCEEDED"))
}

/// Repeats a call until it returns what is expected.
fn query(
    phase: &mut Phase<'_>,
    access: &Access,
    call: &str,
    is_expected: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    wait::until("the run in the API", MIRROR_TIMEOUT, Duration::from_millis(300), || {
        // Not run through the phase, which would write the token to the log.
        let shell = Program::new("sh")
            .env("SMBCOPILOT_URL", &access.url)
            .env("SMBCOPILOT_TOKEN", &access.token)
            .args(["-c", &format!("{call} --show-error --fail-with-body --max-time 10")]);
        match shell.capture() {
            Ok(text) if is_expected(&text) => return Ok(Some(())),
            Ok(text) => phase.log_line(&text),
            Err(error) => phase.log_line(&format!("{error:#}")),
        }
        Ok(None)
    })
}

/// Returns the report.
pub(crate) fn page(access: &Access, run: &Finished) -> String {
    let (name, uid) = (run.text("/metadata/name"), run.text("/metadata/uid"));
    let mut page = format!("\nrun {name} of {WORKFLOW}: {}\n", run.text("/status/phase"));
    for step in run.object.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten() {
        page.push_str(&step_line(step));
    }
    let output = run.object.pointer("/status/output").unwrap_or(&Value::Null);
    page.push_str(&format!(
        "output: {output:#}\n\n\
         REST:    {0}/v1, described by {0}/docs\n\
         GraphQL: {0}/graphql, described by api-server/schema.graphql\n\
         login:   {0}/auth/login in a browser, as one of the example people\n\n",
        access.url
    ));
    // Printed first: the commands below use the variables, and on an existing cluster the port-forward.
    for line in &access.shell {
        page.push_str(&format!("{line}\n"));
    }
    page.push_str(&format!("\n{}\n\n{}\n", rest_call(uid), graphql_call(uid)));
    page.push_str(&format!(
        "\nkubectl get splan,sten,swf,swr -A\nkubectl --namespace {TENANT_NAMESPACE} describe swr {name}\n\n"
    ));
    for line in &access.commands {
        page.push_str(&format!("{line}\n"));
    }
    page
}

fn step_line(step: &Value) -> String {
    let text = |pointer: &str| step.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let time = |pointer: &str| text(pointer).parse::<jiff::Timestamp>().ok();
    let took = time("/startedAt").zip(time("/finishedAt")).map(|(from, to)| to.duration_since(from));
    let took = took.map_or_else(|| "-".to_owned(), |took| format!("{} ms", took.as_millis()));
    let attempt = step.pointer("/attempt").and_then(Value::as_u64).unwrap_or(0);
    format!("  {:<12} {:<10} {took:>9}  attempt {attempt}\n", text("/name"), text("/phase"))
}

/// Returns the shell command that prints the output of the run.
fn rest_call(uid: &str) -> String {
    format!("{CURL} \"$SMBCOPILOT_URL/v1/workflow-runs/{uid}/output\"")
}

/// Returns the shell command that queries the run and its steps.
fn graphql_call(uid: &str) -> String {
    let id = STANDARD.encode(format!("WorkflowRun:{uid}"));
    let query = "query($id: ID!) { workflowRun(id: $id) { id name status steps { name status attempt } } }";
    let body = json!({"query": query, "variables": {"id": id}}).to_string();
    format!("{CURL} --json {} \"$SMBCOPILOT_URL/graphql\"", quote(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pasted command sends the token and the query of the report unchanged.
    #[test]
    fn a_pasted_command_sends_token_and_query_unchanged() {
        for (call, expected) in [
            (
                rest_call("1-2"),
                "--silent|--header|Authorization: Bearer t0ken|http://x/v1/workflow-runs/1-2/output|",
            ),
            (graphql_call("1-2"), "query($id: ID!)"),
        ] {
            let script = call.replacen("curl", "printf '%s|'", 1);
            let shell = Program::new("sh").env("SMBCOPILOT_URL", "http://x").env("SMBCOPILOT_TOKEN", "t0ken");
            let printed = shell.args(["-c", &script]).capture().unwrap();
            assert!(printed.contains(expected), "{printed}");
        }
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
    }

    /// A step is shown with its duration.
    #[test]
    fn a_step_is_shown_with_its_duration() {
        let step = json!({"name": "parse", "phase": "Succeeded", "attempt": 1,
            "startedAt": "2026-11-24T09:00:00.100Z", "finishedAt": "2026-11-24T09:00:00.350Z"});
        assert!(step_line(&step).contains("250 ms"), "{}", step_line(&step));
    }
}
