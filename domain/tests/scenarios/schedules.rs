//! Scheduled runs.

use std::time::Duration;

use domain::schedule::{Schedule, ScheduleEvaluation, evaluate};

use crate::format::MAIN;
use crate::simulator::Simulator;

/// Default of `startingDeadline`.
const DEADLINE: Duration = Duration::from_mins(10);

impl Simulator<'_> {
    /// Creates this many runs by the first schedule of `main`, and checks that each scheduled time has one
    /// run.
    pub(crate) fn start_by_schedule(&mut self, times: usize) -> Result<(), String> {
        let spec = self.spec(MAIN);
        let spec_schedule = spec.schedules.first().ok_or("main has no schedule")?;
        let schedule = Schedule::parse(&spec_schedule.cron, spec_schedule.time_zone.as_deref())
            .map_err(|e| e.to_string())?;
        let mut last_evaluated = self.now;
        for at in 0..times {
            self.now = schedule.next(self.now).ok_or("the schedule never starts a run")?;
            let ScheduleEvaluation { run_at, next_at } =
                evaluate(&schedule, last_evaluated, DEADLINE, self.now);
            let run_at = run_at.ok_or_else(|| format!("no run is due at {}", self.now))?;
            if run_at <= last_evaluated || next_at.is_none_or(|next| next <= run_at) {
                return Err(format!("{run_at} is due twice"));
            }
            last_evaluated = run_at;
            let input = spec_schedule.input.clone().unwrap_or_default();
            self.create(&format!("scheduled-{at}"), MAIN, input, 0, Vec::new())?;
        }
        Ok(())
    }
}
