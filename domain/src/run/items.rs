//! Evaluation of a step with `forEach`: starts its items as far as `maxParallel` permits, and ends the step
//! when all items have ended.

use std::sync::Arc;

use crds::run::{ActiveItem, Cancel, ItemsStatus, StepError, StepPhase, StepStatus, WaitingFor};
use serde_json::Value;

use super::apply::{fail, inline_bytes};
use super::attempt::{Transition, step_deadline, step_timeout};
use super::fan_out::{FanOut, label_of};
use super::item_outputs::{self, apply_item, capacity};
use super::ranges::Ranges;
use super::scheduler::{AttemptStart, Scheduler};
use super::state::{end, is_running_item, running_store};
use super::{StartAttempt, StepKey, StopAttempt};
use crate::expr::Context;
use crate::workflow::{ForEach, Step};

impl<'a> Scheduler<'a> {
    /// Starts a step with `forEach` and evaluates its list, which does not change afterwards.
    pub(super) fn begin_items(&mut self, step: &'a Step, status: &mut StepStatus, context: Context) {
        let Some(for_each) = &step.for_each else { return };
        self.begin_attempt(status);
        let started_at = status.started_at.as_ref().map_or(self.now, |time| time.0);
        match self.run.fan_outs.get(&step.name, started_at, || FanOut::new(for_each, context)) {
            Ok(fan_out) => {
                status.items = Some(ItemsStatus { total: fan_out.len(), ..ItemsStatus::default() })
            }
            Err(error) => fail(status, error, self.now),
        }
    }

    /// Evaluates a step with items that has started: completes waiting items, starts new attempts, stores
    /// outputs and ends the step. Returns whether its status changed.
    pub(super) fn evaluate_items(&mut self, step: &'a Step, status: &mut StepStatus) -> bool {
        let Some(for_each) = &step.for_each else { return false };
        let before = status.clone();
        if status.error.is_none() && step_deadline(step, status).is_some_and(|due| due <= self.now) {
            status.error = Some(step_timeout(step));
            self.cancel_sub_runs(status);
        }
        self.complete_waiting_items(step, status);
        if status.error.is_some() {
            self.stop_items(status);
        } else if self.accepts_attempts() {
            self.begin_due_items(step, for_each, status);
            self.store_item_outputs(status);
        }
        self.complete_items(step, status);
        if !status.phase.is_final() {
            status.phase = phase(status);
        }
        *status != before
    }

    /// Starts the items that are due for another attempt, then new items, up to `maxParallel` items at the
    /// same time.
    fn begin_due_items(&mut self, step: &'a Step, for_each: &ForEach, status: &mut StepStatus) {
        let fan_out = match self.fan_out(step, for_each, status) {
            Ok(fan_out) => fan_out,
            Err(error) => {
                status.error = Some(error);
                return;
            }
        };
        while let Some((index, attempt)) = self.next_item(for_each, status) {
            self.begin_item(step, status, index, attempt, &fan_out.context_of(index));
            if status.error.is_some() {
                return;
            }
        }
    }

    /// Returns the evaluated list of a step that has started.
    fn fan_out(
        &mut self,
        step: &Step,
        for_each: &ForEach,
        status: &StepStatus,
    ) -> Result<Arc<FanOut>, StepError> {
        let started_at = status.started_at.as_ref().map_or(self.now, |time| time.0);
        let fan_outs = self.run.fan_outs.clone();
        fan_outs.get(&step.name, started_at, || FanOut::new(for_each, self.context()))
    }

    /// Returns the index of the next item to start and the number of its attempt, or `None` if no item can
    /// start now.
    fn next_item(&self, for_each: &ForEach, status: &StepStatus) -> Option<(u32, u32)> {
        let items = status.items.as_ref()?;
        let is_due = |item: &&ActiveItem| {
            item.waiting.is_none() && item.next_at.as_ref().is_some_and(|due| due.0 <= self.now)
        };
        if let Some(item) = items.active.iter().find(is_due) {
            return Some((item.index, item.attempt.saturating_add(1)));
        }
        if items.active.len() >= for_each.max_parallel {
            return None;
        }
        let done = Ranges::parse(&items.done);
        let is_new =
            |index: &u32| !done.contains(*index) && items.active.iter().all(|item| item.index != *index);
        (0..items.total).find(is_new).map(|index| (index, 1))
    }

    /// Starts an attempt of an item.
    fn begin_item(
        &mut self,
        step: &Step,
        status: &mut StepStatus,
        index: u32,
        attempt: u32,
        context: &Context,
    ) {
        let attempt_start = self.begin(step, status, Some(index), attempt, context);
        let label = step.for_each.as_ref().and_then(|for_each| label_of(for_each, context));
        let other_bytes = inline_bytes(&self.steps, &step.name);
        let now = self.now;
        let Some(item) = status.items.as_mut().map(|items| active_item(items, index)) else { return };
        item.attempt = attempt;
        item.next_at = None;
        item.started_at.get_or_insert(now.into());
        item.label.clone_from(&label);
        match attempt_start {
            AttemptStart::Started(start) => self.start.push(StartAttempt { label, ..*start }),
            AttemptStart::Suspended(mut waiting, until) => {
                // Up to a hundred items may wait at the same time, and the status contains all their
                // messages.
                waiting.message = waiting
                    .message
                    .map(|message| item_outputs::truncate(&message, item_outputs::MAX_ITEM_MESSAGE_BYTES));
                item.waiting = Some(waiting);
                item.next_at = until.map(Into::into);
            }
            AttemptStart::Completed(transition) => {
                apply_item(self.run, step, status, index, transition, other_bytes, now)
            }
        }
    }

    /// Completes the items whose decision was made, whose time has come or whose sub-run has ended.
    fn complete_waiting_items(&mut self, step: &'a Step, status: &mut StepStatus) {
        let active = status.items.iter().flat_map(|items| &items.active);
        let waiting: Vec<ActiveItem> = active.filter(|item| item.waiting.is_some()).cloned().collect();
        for item in waiting {
            let key = StepKey::item(&step.name, item.index);
            let attempts = self.attempts(step, status, item.attempt, item.not_started.unwrap_or(0));
            let due = item.next_at.as_ref().map(|time| time.0);
            let transition =
                item.waiting.and_then(|waiting| self.complete_wait(step, &key, &waiting, due, attempts));
            if let Some(transition) = transition {
                let other_bytes = inline_bytes(&self.steps, &step.name);
                apply_item(self.run, step, status, item.index, transition, other_bytes, self.now);
            }
        }
    }

    /// Stops the items of a step that has failed: running attempts and sub-runs may end, items that wait for
    /// an approval, a time or another attempt are dropped, and the running store is stopped.
    fn stop_items(&mut self, status: &mut StepStatus) {
        if let Some(attempt) = running_store(status) {
            self.stop.push(StopAttempt { key: StepKey::step(&status.name), attempt });
        }
        status.output = None;
        status.output_ref = None;
        status.next_at = None;
        let Some(items) = &mut status.items else { return };
        items.batches.clear();
        let mut done = Ranges::parse(&items.done);
        let (completed, active): (Vec<_>, Vec<_>) = std::mem::take(&mut items.active)
            .into_iter()
            .partition(|item| items.outputs.contains_key(&item.index));
        for item in completed {
            done.insert(item.index);
            items.succeeded = items.succeeded.saturating_add(1);
        }
        items.done = done.to_string();
        items.outputs.clear();
        items.active = active;
        let continues = |item: &ActiveItem| match &item.waiting {
            Some(waiting) => waiting.reason == WaitingFor::Run,
            None => item.next_at.is_none(),
        };
        items.active.retain(continues);
    }

    /// Cancels the sub-runs of a step that has exceeded its timeout, without waiting for their end.
    fn cancel_sub_runs(&mut self, status: &mut StepStatus) {
        let Some(items) = &mut status.items else { return };
        items.active.retain(|item| {
            let run = item.waiting.as_ref().and_then(|waiting| waiting.run.clone());
            self.cancel_sub_runs.extend(run.clone().map(|run| (run, Cancel::Now)));
            run.is_none()
        });
    }

    /// Starts storing a batch of outputs if the outputs of the completed items do not fit into the status.
    /// Until the batch is stored, these items count as running and limit the number of new items.
    fn store_item_outputs(&mut self, status: &mut StepStatus) {
        let due = status.next_at.as_ref().is_none_or(|due| due.0 <= self.now);
        if status.error.is_some() || !due || running_store(status).is_some() {
            return;
        }
        let other_bytes = inline_bytes(&self.steps, &status.name);
        let Some(items) = &mut status.items else { return };
        item_outputs::complete_fitting_items(items, capacity(other_bytes));
        if let Some((number, values)) = item_outputs::next_batch(self.run, items) {
            status.next_at = None;
            self.store(StepKey::step(&status.name), number, values);
        }
    }

    /// Ends the step if all its items have ended.
    fn complete_items(&mut self, step: &Step, status: &mut StepStatus) {
        let Some(items) = &status.items else { return };
        if !items.active.is_empty() || running_store(status).is_some() {
            return;
        }
        if status.error.is_some() {
            end(status, StepPhase::Failed, self.now);
            return;
        }
        let due = status.next_at.as_ref().is_none_or(|due| due.0 <= self.now);
        let ended = Ranges::parse(&items.done).iter().count();
        if !due || u32::try_from(ended) != Ok(items.total) {
            return;
        }
        let mut outputs = self.run.outputs_of(items);
        let list: Vec<Value> =
            (0..items.total).map(|index| outputs.remove(&index).unwrap_or_default()).collect();
        status.next_at = None;
        self.apply(step, status, Transition::Succeeded(Value::Array(list).into()));
        if !status.phase.is_final() {
            let batches = status.items.as_ref().map_or(0, |items| items.batches.len());
            let number = u32::try_from(batches).unwrap_or(u32::MAX).saturating_add(1);
            status.output_ref = Some(super::state::pending_reference());
            if let Some(list) = status.output.clone() {
                self.store(StepKey::step(&status.name), number, list);
            }
        }
    }
}

/// Returns the entry of an active item, which is created if it does not exist.
fn active_item(items: &mut ItemsStatus, index: u32) -> &mut ActiveItem {
    let existing = items.active.iter().position(|item| item.index == index);
    let position = existing.unwrap_or_else(|| {
        items.active.push(ActiveItem { index, ..ActiveItem::default() });
        items.active.len().saturating_sub(1)
    });
    items.active.get_mut(position).expect("the item exists or was added above")
}

/// Returns the phase of a step with items: Suspended while all started items wait, else Running.
fn phase(status: &StepStatus) -> StepPhase {
    let Some(items) = &status.items else { return status.phase };
    let all_wait = !items.active.is_empty() && items.active.iter().all(|item| item.waiting.is_some());
    if all_wait { StepPhase::Suspended } else { StepPhase::Running }
}

/// Returns the index and attempt number of each running item.
pub(super) fn running_items(status: &StepStatus) -> impl Iterator<Item = (u32, u32)> + '_ {
    status.items.iter().flat_map(|items| {
        items.active.iter().filter(|item| is_running_item(item, items)).map(|item| (item.index, item.attempt))
    })
}
