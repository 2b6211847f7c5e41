//! Does what the runner asks.

use std::time::{Duration, Instant};

use protocol::host::{Action, Event, Outcome, Request, Start};

use crate::{
    host::{Host, HostError, Next, leave_if},
    launch,
    step::Step,
};

impl Host<'_> {
    pub(super) fn hear_runner(&mut self) -> Result<Next, HostError> {
        let peer = self.runner.fill();
        while let Some(request) = self.runner.receive().map_err(HostError::Runner)? {
            match request {
                Request::Start(start) => self.start(*start)?,
                Request::Kill { id, grace_ms } => {
                    if let Some(step) = self.steps.get_mut(&id) {
                        step.kill(Duration::from_millis(grace_ms), Instant::now());
                    }
                }
                Request::Shutdown => return Ok(Next::Leave),
            }
        }
        Ok(leave_if(peer))
    }

    fn start(&mut self, start: Start) -> Result<(), HostError> {
        let id = start.id;
        match self.try_start(start) {
            Ok(step) => {
                self.steps.insert(id, step);
                Ok(())
            }
            Err(message) => self.tell(&Event::Exited { id, outcome: Outcome::NotStarted { message } }),
        }
    }

    fn try_start(&self, start: Start) -> Result<Step, String> {
        let is_python = matches!(start.action, Action::Python { .. });
        let (step, ends) = Step::prepare(self.config, start).map_err(|error| error.to_string())?;
        match (&self.python, is_python) {
            (Some(python), true) => {
                python.fork(&ends).map_err(|error| format!("failed to ask for a process: {error}"))?;
            }
            (None, false) => {
                launch::spawn(ends).map_err(|error| format!("failed to make a process: {error}"))?;
            }
            (Some(_), false) => return Err("this host runs Python steps alone".to_owned()),
            (None, true) => return Err("this host runs container steps alone".to_owned()),
        }
        Ok(step)
    }
}
