//! `spec.schedules`: names, inputs, and when they are due.

use std::collections::BTreeSet;

use crds::WorkflowSpec;

use super::problems::Problems;
use crate::schedule::{InvalidSchedule, Schedule};
use crate::schema::{self, Schema};

/// A schedule that could never start a run is told of now, not at night.
pub(super) fn check(spec: &WorkflowSpec, input: Option<&Schema>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (index, schedule) in spec.schedules.iter().enumerate() {
        let path = format!("spec.schedules[{index}]");
        if !seen.insert(schedule.name.as_str()) {
            let message = format!("there is another schedule {}", schedule.name);
            problems.add(format!("{path}.name"), "DuplicateName", message);
        }
        if let Err(error) = Schedule::parse(&schedule.cron, schedule.time_zone.as_deref()) {
            let field = if matches!(error, InvalidSchedule::TimeZone(_)) { "timeZone" } else { "cron" };
            problems.add(format!("{path}.{field}"), "ScheduleInvalid", error.to_string());
        }
        problems.duration(&format!("{path}.startingDeadline"), schedule.starting_deadline.as_ref());
        let given = schedule.input.clone().unwrap_or_default();
        if let Some(Err(violations)) = input.map(|input| input.check(&given)) {
            let message =
                format!("the input breaks spec.input.schema: {}", schema::describe_violations(&violations));
            problems.add(format!("{path}.input"), "ScheduleInput", message);
        }
    }
}
