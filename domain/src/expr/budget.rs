//! What one evaluation, or all evaluations of one template, may cost.
//!
//! The evaluator calls plain functions without state of ours, so the budget of the evaluation under way is kept by
//! thread: evaluation is synchronous, and the guard takes the budget away when it ends.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cel::ExecutionError;
use cel::common::types::{CelBytes, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use serde_json::Value;

/// Units of one evaluation. An iteration costs one, and so does each value, and each 32 bytes of text, that is copied:
/// 500,000 are at most some 50 MB and a fraction of a second.
pub(super) const UNITS: u64 = 500_000;
/// Bytes of text that cost one unit.
const BYTES_PER_UNIT: usize = 32;

thread_local! {
    static BUDGET: RefCell<Budget> = const { RefCell::new(Budget { guards: 0, left: 0, spent: false, interrupt: None }) };
}

struct Budget {
    /// Guards within each other: the outermost brings the budget.
    guards: u32,
    left: u64,
    spent: bool,
    interrupt: Option<Arc<AtomicBool>>,
}

/// A budget for the evaluations that follow on this thread, until it is dropped. Within another guard it is that one's.
pub(crate) struct BudgetScope(());

impl BudgetScope {
    pub(crate) fn new(interrupt: Option<Arc<AtomicBool>>) -> Self {
        BUDGET.with_borrow_mut(|budget| {
            if budget.guards == 0 {
                *budget = Budget { guards: 0, left: UNITS, spent: false, interrupt };
            }
            budget.guards += 1;
        });
        Self(())
    }

    /// Charges for a value that is about to be given to the evaluator.
    pub(super) fn charge(&self, value: &Value) {
        BUDGET.with_borrow_mut(|budget| budget.spent |= budget.pay_json(value).is_none());
    }

    /// Whether the evaluation wanted more than it had, also where an `||` has hidden that.
    pub(super) fn is_spent(&self) -> bool {
        BUDGET.with_borrow(|budget| budget.spent)
    }
}

impl Drop for BudgetScope {
    fn drop(&mut self) {
        BUDGET.with_borrow_mut(|budget| budget.guards = budget.guards.saturating_sub(1));
    }
}

/// Gives its argument back and charges for it; called by metered expressions.
pub(super) fn pay<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.into_iter().next().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let paid = BUDGET.with_borrow_mut(|budget| budget.pay_for(value.as_ref()));
    paid.map(|()| value).ok_or_else(|| ExecutionError::function_error("budget", "spent"))
}

/// As [`pay`], for what a loop goes through: of a map the keys, which the evaluator would give in a random order, in
/// their own. So the same data always gives the same value.
pub(super) fn range<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = pay(arguments)?;
    let Some(map) = value.downcast_ref::<CelMap<'_>>() else { return Ok(value) };
    let mut keys: Vec<_> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

impl Budget {
    /// Charges for a value and all that it holds; none once there is nothing left.
    fn pay_for(&mut self, value: &dyn Val) -> Option<()> {
        let interrupted = self.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed));
        let paid = if interrupted { None } else { self.pay_deep(value) };
        self.spent |= paid.is_none();
        if self.spent { None } else { paid }
    }

    fn pay_deep(&mut self, value: &dyn Val) -> Option<()> {
        if let Some(text) = value.downcast_ref::<CelString<'_>>() {
            return self.pay(text.inner().len() / BYTES_PER_UNIT);
        }
        if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
            return self.pay(bytes.inner().len() / BYTES_PER_UNIT);
        }
        self.pay(0)?;
        if let Some(list) = value.downcast_ref::<CelList<'_>>() {
            return list.inner().iter().try_for_each(|item| self.pay_deep(item.as_ref()));
        }
        if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
            return map.inner().iter().try_for_each(|(key, item)| {
                self.pay_deep(key.inner())?;
                self.pay_deep(item.as_ref())
            });
        }
        Some(())
    }

    fn pay_json(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::String(text) => self.pay(text.len() / BYTES_PER_UNIT),
            Value::Array(items) => {
                self.pay(0)?;
                items.iter().try_for_each(|item| self.pay_json(item))
            }
            Value::Object(fields) => {
                self.pay(0)?;
                fields.iter().try_for_each(|(name, field)| {
                    self.pay(name.len() / BYTES_PER_UNIT)?;
                    self.pay_json(field)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.pay(0),
        }
    }

    fn pay(&mut self, units: usize) -> Option<()> {
        let units = u64::try_from(units).ok()?.saturating_add(1);
        self.left = self.left.checked_sub(units)?;
        Some(())
    }
}
