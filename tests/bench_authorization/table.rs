//! The results as a table, with the goals beside the figures.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use tests::percentile::percentile_ms;

use super::tenant::{POLICIES, USERS};

/// Durations of everything that is measured.
pub(crate) struct Results {
    /// Decisions about a principal with a built-in role.
    pub(crate) built_in: Vec<Duration>,
    /// Decisions about a principal with a role whose policies have no conditions.
    pub(crate) plain: Vec<Duration>,
    /// Decisions about a principal with ten policies with conditions.
    pub(crate) conditional: Vec<Duration>,
    /// Explanations about a principal with ten policies.
    pub(crate) explanation: Vec<Duration>,
    /// Explanations about a principal with 400 policies, which are read from the database.
    pub(crate) large_explanation: Vec<Duration>,
    /// Lists of workflows without conditions.
    pub(crate) plain_list: Vec<Duration>,
    /// Lists of workflows that ten policies select.
    pub(crate) conditional_list: Vec<Duration>,
    /// Pages of all users.
    pub(crate) users: Vec<Duration>,
    /// Pages of all policies.
    pub(crate) policies: Vec<Duration>,
}

/// Goals of the issue, in microseconds for the median of a decision and in milliseconds for the 99th percentile of an explanation.
const PLAIN_US: f64 = 5.0;
const CONDITIONAL_US: f64 = 50.0;
const EXPLANATION_MS: f64 = 20.0;

impl Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| tenant with {USERS} users and {POLICIES} policies | p50 | p99 | goal |\n| --- | --- | --- | --- |"
        )?;
        for (what, times, goal) in [
            ("decision, built-in role", &self.built_in, PLAIN_US),
            ("decision, role of the tenant with 20 policies without conditions", &self.plain, PLAIN_US),
            ("decision, ten policies with two conditions each", &self.conditional, CONDITIONAL_US),
        ] {
            let [p50, p99] = [50, 99].map(|percent| 1000.0 * percentile_ms(times, percent));
            writeln!(f, "| {what} | {p50:.2} µs | {p99:.2} µs | p50 {goal} µs: {} |", verdict(p50 <= goal))?;
        }
        for (what, times, goal) in [
            ("explanation, ten policies", &self.explanation, Some(EXPLANATION_MS)),
            (
                "explanation, 20 roles with 400 policies, not cached",
                &self.large_explanation,
                Some(EXPLANATION_MS),
            ),
            ("list of 20 workflows, without conditions", &self.plain_list, None),
            ("list of 20 workflows, ten policies with conditions", &self.conditional_list, None),
            ("page of 100 users, of all pages", &self.users, None),
            ("page of 100 policies, of all pages", &self.policies, None),
        ] {
            let [p50, p99] = [50, 99].map(|percent| percentile_ms(times, percent));
            let goal = goal.map(|goal| format!("p99 {goal} ms: {}", verdict(p99 <= goal)));
            writeln!(f, "| {what} | {p50:.2} ms | {p99:.2} ms | {} |", goal.unwrap_or_default())?;
        }
        Ok(())
    }
}

fn verdict(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "MISSED" }
}
