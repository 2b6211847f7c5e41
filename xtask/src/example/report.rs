//! The last output of `up`: the steps of the run, and commands to continue with.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::run::Finished;
use super::{TENANT_NAMESPACE, WORKFLOW};
use crate::phase::Phase;
use crate::program::Program;
use crate::wait;

/// How to reach the instance, for the commands in the report.
pub(crate) struct Access {
    /// URL of the api-server.
    pub(crate) url: String,
    /// Token of an administrator of the tenant.
    pub(crate) token: String,
    /// Shell commands that configure kubectl for the cluster.
    pub(crate) shell: Vec<String>,
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
    for call in [rest_call(access, uid), graphql_call(access, uid)] {
        wait::until("the run in the API", MIRROR_TIMEOUT, Duration::from_millis(300), || {
            let curl = Program::new("curl").args([
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--max-time",
                "10",
            ]);
            // Not run through the phase, which would write the token to the log.
            let answer = curl.args(&call).capture();
            match answer {
                Ok(text) if text.contains(name) && text.contains("SUCCEEDED") => Ok(Some(())),
                Ok(text) => {
                    phase.log_line(&text);
                    Ok(None)
                }
                Err(error) => {
                    phase.log_line(&format!("{error:#}"));
                    Ok(None)
                }
            }
        })?;
    }
    Ok(())
}

/// Returns the report.
pub(crate) fn page(access: &Access, run: &Finished) -> String {
    let (name, uid) = (run.text("/metadata/name"), run.text("/metadata/uid"));
    let mut page = format!("\nrun {name} of {WORKFLOW}: {}\n", run.text("/status/phase"));
    for step in run.object.pointer("/status/steps").and_then(Value::as_array).into_iter().flatten() {
        page.push_str(&step_line(step));
    }
    let output = run.object.pointer("/status/output").unwrap_or(&Value::Null);
    page.push_str(&format!("output: {output:#}\n\nREST:    {0}/v1\nGraphQL: {0}/graphql\n\n", access.url));
    // Printed first: on an existing cluster the calls below need the port-forward among these lines.
    for line in &access.shell {
        page.push_str(&format!("{line}\n"));
    }
    for call in [rest_call(access, uid), graphql_call(access, uid)] {
        page.push_str(&format!("\ncurl --silent {}\n", quote(&call)));
    }
    page.push_str(&format!(
        "\nkubectl get splan,sten,swf,swr -A\nkubectl --namespace {TENANT_NAMESPACE} describe swr {name}\n"
    ));
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

fn rest_call(access: &Access, uid: &str) -> Vec<String> {
    vec![
        "--header".to_owned(),
        format!("Authorization: Bearer {}", access.token),
        format!("{}/v1/workflow-runs/{uid}", access.url),
    ]
}

fn graphql_call(access: &Access, uid: &str) -> Vec<String> {
    let id = STANDARD.encode(format!("WorkflowRun:{uid}"));
    let query =
        "query($id: ID!) { workflowRun(id: $id) { id name status output steps { name status attempt } } }";
    vec![
        "--header".to_owned(),
        format!("Authorization: Bearer {}", access.token),
        "--json".to_owned(),
        json!({"query": query, "variables": {"id": id}}).to_string(),
        format!("{}/graphql", access.url),
    ]
}

/// Returns the words quoted for a shell.
fn quote(words: &[String]) -> String {
    let plain = |word: &String| word.starts_with("--") || word.starts_with("http");
    let quoted = words.iter().map(|word| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pasted command has the same arguments in the shell.
    #[test]
    fn a_quoted_word_is_the_same_in_the_shell() {
        let words = ["--json".to_owned(), "it's $HOME".to_owned()];
        let script = format!("printf '%s|' {}", quote(&words));
        assert_eq!(Program::new("sh").args(["-c", &script]).capture().unwrap().trim(), "--json|it's $HOME|");
    }

    /// A step is shown with its duration.
    #[test]
    fn a_step_is_shown_with_its_duration() {
        let step = json!({"name": "parse", "phase": "Succeeded", "attempt": 1,
            "startedAt": "2026-11-24T09:00:00.100Z", "finishedAt": "2026-11-24T09:00:00.350Z"});
        assert!(step_line(&step).contains("250 ms"), "{}", step_line(&step));
    }
}
