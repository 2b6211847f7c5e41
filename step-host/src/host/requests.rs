//! Handling of the runner's requests.

use std::time::{Duration, Instant};

use protocol::host::{Action, Event, Outcome, Request, Start};

use crate::{
    host::{
        error::HostError,
        state::{Host, LoopControl},
    },
    launch,
    step::Step,
    volumes,
};

impl Host<'_> {
    /// Reads from the runner's connection and handles the requests.
    ///
    /// # Errors
    /// Returns an error if a request cannot be decoded or an event cannot be encoded.
    pub(super) fn read_runner(&mut self) -> Result<LoopControl, HostError> {
        let peer = self.runner.fill();
        while let Some(request) = self.runner.receive().map_err(HostError::Runner)? {
            match request {
                Request::Start(start) => self.start(*start)?,
                Request::Kill { id, grace_ms } => {
                    if let Some(step) = self.steps.get_mut(&id) {
                        step.kill(Duration::from_millis(grace_ms), Instant::now());
                    }
                }
                Request::KillAll => self.kill_everything()?,
                Request::Clear => self.clear()?,
                Request::Shutdown => return Ok(LoopControl::Exit),
            }
        }
        Ok(peer.into())
    }

    /// Starts a step. One that cannot be started, or must not be, is reported to the runner.
    fn start(&mut self, start: Start) -> Result<(), HostError> {
        let id = start.id;
        if let Some(path) = &self.writable_volume {
            let outcome = Outcome::VolumeWritable { message: volumes::message(path) };
            return self.send_event(&Event::Exited { id, outcome });
        }
        match self.try_start(start) {
            Ok(step) => {
                self.steps.insert(id, step);
                Ok(())
            }
            Err(message) => self.send_event(&Event::Exited { id, outcome: Outcome::NotStarted { message } }),
        }
    }

    fn try_start(&self, start: Start) -> Result<Step, String> {
        let is_python = matches!(start.action, Action::Python { .. });
        let (step, ends) = Step::prepare(self.config, start).map_err(|error| error.to_string())?;
        match (&self.python, is_python) {
            (Some(python), true) => {
                python
                    .fork(&ends)
                    .map_err(|error| format!("failed to request a process from the interpreter: {error}"))?;
            }
            (None, false) => {
                launch::spawn(ends).map_err(|error| format!("failed to start a process: {error}"))?;
            }
            (Some(_), false) => return Err("this host executes only Python steps".to_owned()),
            (None, true) => return Err("this host executes only container steps".to_owned()),
        }
        Ok(step)
    }
}
