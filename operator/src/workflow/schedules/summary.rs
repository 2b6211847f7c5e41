//! Text of all schedules of a workflow for `kubectl get`. Pure.

use crds::{Workflow, workflow::Schedule};

use super::plan::{SUSPENDED, SchedulePlan};

/// Length up to which schedules are written out, in bytes; the first one always is. A table has room for it.
const MAX_BYTES: usize = 60;
/// Time zone of a schedule that specifies none.
const DEFAULT_TIME_ZONE: &str = "UTC";

/// Returns the schedules of a workflow with their time zones, and whether they are suspended, or `None` without schedules.
pub(in crate::workflow) fn summary(workflow: &Workflow, plan: &SchedulePlan) -> Option<String> {
    let (first, others) = workflow.spec.schedules.split_first()?;
    let mut text = describe(first);
    let mut shown = 1;
    for next in others.iter().map(describe) {
        if text.len() + next.len() > MAX_BYTES {
            break;
        }
        text = format!("{text}, {next}");
        shown += 1;
    }
    match workflow.spec.schedules.len() - shown {
        0 => {}
        hidden => text = format!("{text} (+{hidden})"),
    }
    let is_paused = plan.suspended.is_some_and(|reason| reason != SUSPENDED);
    Some(if is_paused { format!("{text} (paused)") } else { text })
}

fn describe(schedule: &Schedule) -> String {
    let zone = schedule.time_zone.as_deref().unwrap_or(DEFAULT_TIME_ZONE);
    let suspended = if schedule.suspend == Some(true) { " (suspended)" } else { "" };
    format!("{} {zone}{suspended}", schedule.cron)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(schedules: &str, suspended: Option<&'static str>) -> Option<String> {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Workflow, metadata: {{name: report}}, \
             spec: {{steps: [], schedules: [{schedules}]}}}}"
        );
        let workflow: Workflow = serde_yaml::from_str(&text).unwrap();
        summary(&workflow, &SchedulePlan { suspended, ..SchedulePlan::default() })
    }

    const NIGHTLY: &str = "{name: nightly, cron: 0 2 * * *, timeZone: Europe/Berlin}";
    const WEEKLY: &str = "{name: weekly, cron: 0 6 * * 1, suspend: true}";

    /// A table shows all schedules of a workflow, as far as there is room, with their zones and what suspends them.
    #[test]
    fn a_table_shows_all_schedules_with_zone_and_suspension() {
        let cases = [
            (String::new(), None, None),
            (NIGHTLY.to_owned(), None, Some("0 2 * * * Europe/Berlin")),
            (WEEKLY.to_owned(), Some("Suspended"), Some("0 6 * * 1 UTC (suspended)")),
            (
                format!("{NIGHTLY}, {WEEKLY}"),
                None,
                Some("0 2 * * * Europe/Berlin, 0 6 * * 1 UTC (suspended)"),
            ),
            (
                format!("{NIGHTLY}, {WEEKLY}, {NIGHTLY}, {WEEKLY}"),
                Some("TenantNotActive"),
                Some("0 2 * * * Europe/Berlin, 0 6 * * 1 UTC (suspended) (+2) (paused)"),
            ),
        ];
        for (schedules, suspended, expected) in cases {
            assert_eq!(summary_of(&schedules, suspended).as_deref(), expected, "{schedules}");
        }
    }
}
