//! What comes next.

use crds::run::{Cancel, RunPhase, StepPhase};
use crds::workflow::ErrorKind;
use jiff::Timestamp;

use super::round::Round;
use super::state::{end, error};
use super::{Advance, Place, Run, Signals, State, Stop};

impl Run {
    /// What comes next. The same arguments give the same answer, so it can be asked again after a write has failed.
    #[must_use]
    pub fn advance(&self, state: &State, signals: &Signals<'_>, now: Timestamp) -> Advance {
        let cancel = signals.cancel;
        let mut round = Round::new(self, &state.steps, now);
        if now >= self.deadline() {
            return round.time_out();
        }
        match cancel {
            Some(Cancel::Now) => return round.cancel(),
            Some(Cancel::Graceful) => {}
            None => round.start_what_can(),
        }
        if round.steps.iter().any(|step| step.phase == StepPhase::Running) || round.has_more(cancel) {
            let wait_until = round.next_due(cancel);
            return Advance { wait_until: Some(wait_until), ..round.into_advance() };
        }
        match cancel {
            Some(_) => round.cancel(),
            None => round.finish(),
        }
    }
}

impl Round<'_> {
    /// Whether a step waits for its next attempt, and will get it.
    fn has_more(&self, cancel: Option<Cancel>) -> bool {
        cancel.is_none() && !self.is_failing() && self.steps.iter().any(|step| step.next_at.is_some())
    }

    /// The next attempt that is due, or the run's deadline.
    fn next_due(&self, cancel: Option<Cancel>) -> Timestamp {
        let attempts =
            self.steps.iter().filter(|_| self.has_more(cancel)).filter_map(|step| step.next_at.as_ref());
        attempts.map(|time| time.0).min().map_or(self.run.deadline(), |due| due.min(self.run.deadline()))
    }

    fn time_out(mut self) -> Advance {
        let seconds = self.run.workflow().timeout().as_secs_f64();
        let timed_out =
            error(ErrorKind::Timeout, "RUN_TIMEOUT", format!("the run took longer than {seconds} s"));
        self.stop_running(&timed_out);
        let step = self.stop.first().map(|stop| stop.place.step.clone());
        self.end_with(RunPhase::TimedOut, step, timed_out)
    }

    fn cancel(mut self) -> Advance {
        let cancelled = error(ErrorKind::User, "CANCELLED", "the run was cancelled");
        self.stop_running(&cancelled);
        self.end_with(RunPhase::Cancelled, None, cancelled)
    }

    fn stop_running(&mut self, because: &crds::run::StepError) {
        for step in self.steps.iter_mut().filter(|step| step.phase == StepPhase::Running) {
            self.stop.push(Stop { place: Place::step(&step.name), attempt: step.attempt.unwrap_or(0) });
            step.error = Some(because.clone());
            let phase =
                if because.kind == ErrorKind::Timeout { StepPhase::Failed } else { StepPhase::Cancelled };
            end(step, phase, self.now);
        }
    }
}
