//! Checks of `spec.schedules`: names, cron expressions, time zones and inputs.

use std::collections::BTreeSet;

use crds::WorkflowSpec;

use super::problems::Problems;
use crate::schedule::{InvalidSchedule, Schedule};
use crate::schema::{self, Schema};

/// Checks every schedule, so that one that could never start a run is reported when the workflow is applied
/// and not when it is due.
pub(super) fn check(spec: &WorkflowSpec, input: Option<&Schema>, problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for (index, schedule) in spec.schedules.iter().enumerate() {
        let path = format!("spec.schedules[{index}]");
        if !names.insert(schedule.name.as_str()) {
            let message = format!("duplicate schedule name {}", schedule.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        if let Err(error) = Schedule::parse(&schedule.cron, schedule.time_zone.as_deref()) {
            let field = if matches!(error, InvalidSchedule::TimeZone(_)) { "timeZone" } else { "cron" };
            problems.add(format!("{path}.{field}"), "ScheduleInvalid", error.to_string());
        }
        problems.duration(&format!("{path}.startingDeadline"), schedule.starting_deadline.as_ref());
        let value = schedule.input.clone().unwrap_or_default();
        let violations = input.map_or_else(Vec::new, |input| problems.value_checks.check(input, &value));
        if !violations.is_empty() {
            let message =
                format!("the input violates spec.input.schema: {}", schema::describe_violations(&violations));
            problems.add(format!("{path}.input"), "ScheduleInput", message);
        }
    }
}
