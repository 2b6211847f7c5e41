//! Simulation of the recording server, for `http` steps without a script.
//!
//! Requests are compared as `domain` renders them. The parts that the runner adds (encoding of the query,
//! credentials, redirects) are not simulated, and neither are requests of Python and container steps.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::workflow::ErrorKind;
use domain::run::{Failure, HttpRequest, Outcome, Run, StartAttempt, Task, step_error};
use domain::workflow::HttpBody;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::format::{Expect, ExpectedCall, Response};
use crate::script::Ended;

/// Simulated recording server of a scenario.
pub(crate) struct Server {
    answers: BTreeMap<String, Vec<Response>>,
    received: Vec<Received>,
}

struct Received {
    path: String,
    key: String,
    request: HttpRequest,
}

impl Server {
    pub(crate) fn new(answers: &BTreeMap<String, Vec<Response>>) -> Self {
        Self { answers: answers.clone(), received: Vec::new() }
    }

    /// Records the request of an attempt. Does nothing for attempts that send none.
    pub(crate) fn record(&mut self, start: &StartAttempt) {
        if let Task::Http(request) = &start.task {
            let (key, request) = (start.idempotency_key.clone(), request.as_ref().clone());
            self.received.push(Received { path: path(&request), key, request });
        }
    }

    /// Returns the end of an attempt that sends a request. It ends at once, unless the response would arrive
    /// after its deadline.
    pub(crate) fn answer(&mut self, run: &Run, start: &StartAttempt, now: Timestamp) -> Ended {
        let Task::Http(request) = &start.task else { return Ended::Not };
        let path = path(request);
        let earlier = self.count(&path);
        let responses = self.answers.get(&path);
        let answer = responses.and_then(|all| all.get(earlier).or(all.last())).cloned().unwrap_or_default();
        let answered_at = now + SignedDuration::from_secs_f64(answer.delay.unwrap_or(0.0));
        let is_late = answered_at > start.deadline;
        if is_late && now < start.deadline {
            return Ended::Not;
        }
        self.record(start);
        let outcome = || evaluate_response(run, &start.key.step, &answer);
        Ended::With(if is_late { Outcome::TimedOut } else { outcome() })
    }

    fn count(&self, path: &str) -> usize {
        self.received.iter().filter(|received| received.path == path).count()
    }

    /// Returns the differences between the received and the expected requests.
    pub(crate) fn compare(&self, expect: &Expect) -> Vec<String> {
        let mut differences = Vec::new();
        for (path, expected) in &expect.call_counts {
            let count = self.count(path);
            // On a cluster, the code of a step may have sent the requests.
            if count != *expected && (count > 0 || self.answers.contains_key(path)) {
                differences.push(format!("{path} was called {count} times instead of {expected} times"));
            }
        }
        let Some(calls) = &expect.calls else { return differences };
        let of_steps: Vec<&ExpectedCall> = calls.iter().filter(|call| self.count(&call.path) > 0).collect();
        let paths: Vec<&str> = self.received.iter().map(|received| received.path.as_str()).collect();
        if paths != of_steps.iter().map(|call| call.path.as_str()).collect::<Vec<_>>() {
            differences.push(format!("unexpected calls: {paths:?}"));
        }
        for (call, received) in of_steps.iter().zip(&self.received) {
            differences.extend(received.compare(call));
        }
        differences.extend(self.compare_keys(&of_steps));
        differences
    }

    /// Compares idempotency keys: two calls must have the same key if and only if their letters are equal.
    fn compare_keys(&self, calls: &[&ExpectedCall]) -> Vec<String> {
        let keyed = calls.iter().zip(&self.received);
        let keyed: Vec<_> =
            keyed.filter_map(|(call, received)| Some((call.key.as_ref()?, &received.key))).collect();
        let pairs = keyed
            .iter()
            .enumerate()
            .flat_map(|(index, one)| keyed[index + 1..].iter().map(move |other| (one, other)));
        let differ =
            pairs.filter(|((letter, key), (other, other_key))| (letter == other) != (key == other_key));
        differ
            .map(|(one, other)| format!("idempotency keys differ from their letters: {one:?}, {other:?}"))
            .collect()
    }
}

impl Received {
    fn compare(&self, call: &ExpectedCall) -> Vec<String> {
        let ExpectedCall { path, method, query: _, headers, json, text, key: _ } = call;
        let mut differences = Vec::new();
        let mut check_equal = |what: &str, expected: Option<Value>, got: Value| {
            if let Some(expected) = expected.filter(|expected| *expected != got) {
                differences.push(format!("{path}: {what}: expected {expected}, got {got}"));
            }
        };
        check_equal("method", method.as_ref().map(|method| json!(method)), json!(self.request.method));
        for (name, expected) in headers {
            let mut rendered = self.request.headers.iter();
            // The runner adds the other headers.
            if let Some((_, value)) = rendered.find(|(rendered, _)| rendered.eq_ignore_ascii_case(name)) {
                check_equal(name, Some(json!(expected)), json!(value));
            }
        }
        match &self.request.body {
            Some(HttpBody::Json(body)) => check_equal("json", json.clone(), body.clone()),
            Some(HttpBody::Text(body)) => {
                check_equal("text", text.as_ref().map(|text| json!(text)), body.clone())
            }
            Some(HttpBody::Form(_)) | None => {}
        }
        differences
    }
}

fn path(request: &HttpRequest) -> String {
    let after_host = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    format!("/{}", after_host.split('?').next().unwrap_or_default())
}

/// Returns the outcome that the runner derives from a response.
fn evaluate_response(run: &Run, step: &str, answer: &Response) -> Outcome {
    let status = answer.status.unwrap_or(200);
    let headers: BTreeMap<String, String> = answer
        .headers
        .iter()
        .map(|(name, values)| (name.to_lowercase(), values.as_slice().join(", ")))
        .collect();
    let body = match (&answer.json, &answer.text, answer.bytes) {
        (Some(json), _, _) => json.clone(),
        (_, Some(text), _) => json!(text),
        (_, _, Some(bytes)) => json!("x".repeat(bytes.try_into().unwrap_or(0))),
        _ => json!({}),
    };
    match run.http_succeeded(step, status, &headers, &body) {
        Ok(true) => Outcome::Succeeded(json!({"status": status, "headers": headers, "body": body}).into()),
        Ok(false) => {
            let message = format!("the response has status {status}");
            let mut failure = Failure::from(step_error(ErrorKind::User, &format!("HTTP_{status}"), message));
            let seconds = headers.get("retry-after").and_then(|text| text.parse().ok());
            failure.retry_after = seconds.map(Duration::from_secs);
            Outcome::Failed(failure)
        }
        Err(failed) => Outcome::Failed(step_error(ErrorKind::User, failed.code(), failed.to_string()).into()),
    }
}
