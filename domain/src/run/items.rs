//! The advance of a step with `forEach`: begins its items as there is room, and ends it when all have ended.

use std::sync::Arc;

use crds::run::{ActiveItem, Cancel, ItemsStatus, StepError, StepPhase, StepStatus, WaitingFor};
use serde_json::Value;

use super::apply::{fail, inline_bytes};
use super::attempt::{Transition, step_deadline, step_timeout};
use super::fan_out::FanOut;
use super::item_outputs::{self, apply_item, room};
use super::ranges::Ranges;
use super::scheduler::{AttemptStart, Scheduler};
use super::state::{end, is_running_item, running_store};
use super::{StepKey, StopAttempt};
use crate::expr::Context;
use crate::workflow::{ForEach, Step};

impl<'a> Scheduler<'a> {
    /// Begins a step with `forEach`: its list is known from here on.
    pub(super) fn begin_items(&mut self, step: &'a Step, status: &mut StepStatus, context: Context) {
        let Some(for_each) = &step.for_each else { return };
        self.begin_attempt(status);
        let began = status.started_at.as_ref().map_or(self.now, |time| time.0);
        match self.run.fan_outs.get(&step.name, began, || FanOut::new(for_each, context)) {
            Ok(fan_out) => {
                status.items = Some(ItemsStatus { total: fan_out.len(), ..ItemsStatus::default() })
            }
            Err(error) => fail(status, error, self.now),
        }
    }

    /// One look at the items; whether something has changed.
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
            self.begin_more(step, for_each, status);
            self.store_item_outputs(status);
        }
        self.complete_items(step, status);
        if !status.phase.is_final() {
            status.phase = phase(status);
        }
        *status != before
    }

    /// Items that are due for another attempt, then new ones, as many as may be at one time.
    fn begin_more(&mut self, step: &'a Step, for_each: &ForEach, status: &mut StepStatus) {
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

    fn fan_out(
        &mut self,
        step: &Step,
        for_each: &ForEach,
        status: &StepStatus,
    ) -> Result<Arc<FanOut>, StepError> {
        let began = status.started_at.as_ref().map_or(self.now, |time| time.0);
        let fan_outs = self.run.fan_outs.clone();
        fan_outs.get(&step.name, began, || FanOut::new(for_each, self.context()))
    }

    /// The next item to begin an attempt at, and which attempt.
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

    fn begin_item(
        &mut self,
        step: &Step,
        status: &mut StepStatus,
        index: u32,
        attempt: u32,
        context: &Context,
    ) {
        let begun = self.begin(step, status, Some(index), attempt, context);
        let others = inline_bytes(&self.steps, &step.name);
        let now = self.now;
        let Some(item) = status.items.as_mut().map(|items| active(items, index)) else { return };
        item.attempt = attempt;
        item.next_at = None;
        item.started_at.get_or_insert(now.into());
        match begun {
            AttemptStart::Started(start) => self.start.push(*start),
            AttemptStart::Suspended(mut waiting, until) => {
                // A hundred items wait at one time.
                waiting.message = waiting
                    .message
                    .map(|message| item_outputs::short(&message, item_outputs::MAX_ITEM_QUESTION));
                item.waiting = Some(waiting);
                item.next_at = until.map(Into::into);
            }
            AttemptStart::Completed(after) => apply_item(self.run, step, status, index, after, others, now),
        }
    }

    /// Takes in decisions, times and sub-runs.
    fn complete_waiting_items(&mut self, step: &'a Step, status: &mut StepStatus) {
        let active = status.items.iter().flat_map(|items| &items.active);
        let waiting: Vec<ActiveItem> = active.filter(|item| item.waiting.is_some()).cloned().collect();
        for item in waiting {
            let key = StepKey::item(&step.name, item.index);
            let attempts = self.attempts(step, status, item.attempt, item.not_started.unwrap_or(0));
            let due = item.next_at.as_ref().map(|time| time.0);
            let after =
                item.waiting.and_then(|waiting| self.complete_wait(step, &key, &waiting, due, attempts));
            if let Some(after) = after {
                let others = inline_bytes(&self.steps, &step.name);
                apply_item(self.run, step, status, item.index, after, others, self.now);
            }
        }
    }

    /// The step has failed: nothing new begins, what waits is dropped, what runs may end.
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
        let (held, active): (Vec<_>, Vec<_>) = std::mem::take(&mut items.active)
            .into_iter()
            .partition(|item| items.outputs.contains_key(&item.index));
        for item in held {
            done.insert(item.index);
            items.succeeded = items.succeeded.saturating_add(1);
        }
        items.done = done.to_string();
        items.outputs.clear();
        items.active = active;
        let goes_on = |item: &ActiveItem| match &item.waiting {
            Some(waiting) => waiting.reason == WaitingFor::Run,
            None => item.next_at.is_none(),
        };
        items.active.retain(goes_on);
    }

    /// The step's time is up: sub-runs are cancelled, and not waited for.
    fn cancel_sub_runs(&mut self, status: &mut StepStatus) {
        let Some(items) = &mut status.items else { return };
        items.active.retain(|item| {
            let run = item.waiting.as_ref().and_then(|waiting| waiting.run.clone());
            self.cancel_sub_runs.extend(run.clone().map(|run| (run, Cancel::Now)));
            run.is_none()
        });
    }

    /// Stores outputs when those of items that have ended do not fit into the status: such items keep their place.
    fn store_item_outputs(&mut self, status: &mut StepStatus) {
        let due = status.next_at.as_ref().is_none_or(|due| due.0 <= self.now);
        if status.error.is_some() || !due || running_store(status).is_some() {
            return;
        }
        let others = inline_bytes(&self.steps, &status.name);
        let Some(items) = &mut status.items else { return };
        item_outputs::complete_items_with_room(items, room(others));
        if let Some((number, values)) = item_outputs::next_batch(self.run, items) {
            status.next_at = None;
            self.store(StepKey::step(&status.name), number, values);
        }
    }

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
        let all = Ranges::parse(&items.done).iter().count();
        if !due || u32::try_from(all) != Ok(items.total) {
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

/// The entry of an item, made where there is none.
fn active(items: &mut ItemsStatus, index: u32) -> &mut ActiveItem {
    let found = items.active.iter().position(|item| item.index == index);
    let at = found.unwrap_or_else(|| {
        items.active.push(ActiveItem { index, ..ActiveItem::default() });
        items.active.len().saturating_sub(1)
    });
    items.active.get_mut(at).expect("it was found, or pushed just now")
}

/// Suspended while all that has begun waits.
fn phase(status: &StepStatus) -> StepPhase {
    let Some(items) = &status.items else { return status.phase };
    let all_wait = !items.active.is_empty() && items.active.iter().all(|item| item.waiting.is_some());
    if all_wait { StepPhase::Suspended } else { StepPhase::Running }
}

/// Attempts at items that are under way.
pub(super) fn running_items(status: &StepStatus) -> impl Iterator<Item = (u32, u32)> + '_ {
    status.items.iter().flat_map(|items| {
        items.active.iter().filter(|item| is_running_item(item, items)).map(|item| (item.index, item.attempt))
    })
}
