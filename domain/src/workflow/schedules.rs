//! Checks of `spec.schedules`: names, cron expressions, time zones and inputs.

use std::{collections::BTreeSet, time::Duration};

use crds::WorkflowSpec;
use serde_json::json;

use super::{context::ValidationContext, problems::Problems};
use crate::schedule::{InvalidSchedule, Schedule};
use crate::schema::{self, Schema};

/// Checks every schedule, so that one that could never start a run is reported when the workflow is applied
/// and not when it is due.
pub(super) fn check(
    spec: &WorkflowSpec,
    input: Option<&Schema>,
    context: &ValidationContext,
    problems: &mut Problems,
) {
    let mut names = BTreeSet::new();
    for (index, schedule) in spec.schedules.iter().enumerate() {
        let path = format!("spec.schedules[{index}]");
        if !names.insert(schedule.name.as_str()) {
            let message = format!("duplicate schedule name {}: rename one of them", schedule.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        match Schedule::parse(&schedule.cron, schedule.time_zone.as_deref()) {
            Ok(parsed) => check_interval(&path, &parsed, context.min_schedule_interval, problems),
            Err(error) => {
                let field = if matches!(error, InvalidSchedule::TimeZone(_)) { "timeZone" } else { "cron" };
                problems.add(format!("{path}.{field}"), "ScheduleInvalid", error.to_string());
            }
        }
        problems.duration(&format!("{path}.startingDeadline"), schedule.starting_deadline.as_ref());
        let value = schedule.input.clone().unwrap_or_else(|| json!({}));
        problems.has_oversized_number(&format!("{path}.input"), &value);
        let violations = input.map_or_else(Vec::new, |input| problems.value_checks.check(input, &value));
        if !violations.is_empty() {
            let message =
                format!("the input violates spec.input.schema: {}", schema::describe_violations(&violations));
            problems.add(format!("{path}.input"), "ScheduleInput", message);
        }
    }
}

fn check_interval(path: &str, schedule: &Schedule, min: Option<Duration>, problems: &mut Problems) {
    let Some(min) = min else { return };
    let Some(shortest) = schedule.shortest_interval().filter(|shortest| *shortest < min) else { return };
    let message = format!(
        "the schedule starts runs {} s apart, and the plan allows at least {} s (minScheduleInterval)",
        shortest.as_secs(),
        min.as_secs()
    );
    problems.add(format!("{path}.cron"), "ScheduleTooFrequent", message);
}
