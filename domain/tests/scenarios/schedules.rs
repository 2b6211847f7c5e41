//! Runs that start by themselves.

use std::time::Duration;

use domain::schedule::{Schedule, ScheduleEvaluation, evaluate};

use crate::format::MAIN;
use crate::play::Play;

/// The default of `startingDeadline`.
const DEADLINE: Duration = Duration::from_mins(10);

impl Play<'_> {
    /// Lets the first schedule of `main` start so many runs, each with its own time.
    pub(crate) fn start_by_schedule(&mut self, times: usize) -> Result<(), String> {
        let spec = self.spec(MAIN);
        let said = spec.schedules.first().ok_or("main has no schedule")?;
        let schedule = Schedule::parse(&said.cron, said.time_zone.as_deref()).map_err(|e| e.to_string())?;
        let mut done_until = self.now;
        for at in 0..times {
            self.now = schedule.next(self.now).ok_or("it never runs")?;
            let ScheduleEvaluation { run_at, next_at } = evaluate(&schedule, done_until, DEADLINE, self.now);
            let run_at = run_at.ok_or_else(|| format!("nothing is due at {}", self.now))?;
            if run_at <= done_until || next_at.is_none_or(|next| next <= run_at) {
                return Err(format!("{run_at} comes twice"));
            }
            done_until = run_at;
            let input = said.input.clone().unwrap_or_default();
            self.create(&format!("scheduled-{at}"), MAIN, input, 0, Vec::new())?;
        }
        Ok(())
    }
}
