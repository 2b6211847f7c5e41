//! Cost budget of one evaluation, or of all evaluations of one template.
//!
//! The evaluator offers no hooks and calls plain functions, so a metered expression passes the budget to them
//! as an argument: it is bound to the variable `@budget`, which users cannot write.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cel::ExecutionError;
use cel::common::types::{CelBytes, CelList, CelMap, CelString, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use serde_json::Value;

use super::limits::{BYTES_PER_UNIT, MAX_COST};

static BUDGET_TYPE: Type = Type::new_unspecified_type("@budget");

/// Units that evaluations may still cost. Clones share one balance.
///
/// Evaluation is synchronous, so the atomics are never contended; CEL requires values to be `Sync`.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Balance>);

#[derive(Debug)]
struct Balance {
    units: AtomicU64,
    is_spent: AtomicBool,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Budget {
    /// Returns a full budget, which counts as spent once `interrupt` is set.
    pub(crate) fn new(interrupt: Option<Arc<AtomicBool>>) -> Self {
        Self(Arc::new(Balance {
            units: AtomicU64::new(MAX_COST),
            is_spent: AtomicBool::new(false),
            interrupt,
        }))
    }

    /// Charges for a JSON value that is about to be converted for the evaluator.
    pub(super) fn charge_json(&self, value: &Value) {
        if self.subtract_json(value).is_none() {
            self.0.is_spent.store(true, Ordering::Relaxed);
        }
    }

    /// Returns whether an evaluation needed more than was left, even where an `||` has hidden the error.
    pub(super) fn is_spent(&self) -> bool {
        self.0.is_spent.load(Ordering::Relaxed)
    }

    /// Charges for a value and all that it contains; returns `None` once the budget is spent.
    fn charge(&self, value: &dyn Val) -> Option<()> {
        let is_interrupted =
            self.0.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed));
        let result = if is_interrupted { None } else { self.subtract_val(value) };
        if result.is_none() {
            self.0.is_spent.store(true, Ordering::Relaxed);
        }
        if self.is_spent() { None } else { result }
    }

    fn subtract_val(&self, value: &dyn Val) -> Option<()> {
        if let Some(text) = value.downcast_ref::<CelString<'_>>() {
            return self.subtract(text.inner().len() / BYTES_PER_UNIT);
        }
        if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
            return self.subtract(bytes.inner().len() / BYTES_PER_UNIT);
        }
        self.subtract(0)?;
        if let Some(list) = value.downcast_ref::<CelList<'_>>() {
            return list.inner().iter().try_for_each(|item| self.subtract_val(item.as_ref()));
        }
        if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
            return map.inner().iter().try_for_each(|(key, item)| {
                self.subtract_val(key.inner())?;
                self.subtract_val(item.as_ref())
            });
        }
        Some(())
    }

    fn subtract_json(&self, value: &Value) -> Option<()> {
        match value {
            Value::String(text) => self.subtract(text.len() / BYTES_PER_UNIT),
            Value::Array(items) => {
                self.subtract(0)?;
                items.iter().try_for_each(|item| self.subtract_json(item))
            }
            Value::Object(fields) => {
                self.subtract(0)?;
                fields.iter().try_for_each(|(name, field)| {
                    self.subtract(name.len() / BYTES_PER_UNIT)?;
                    self.subtract_json(field)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.subtract(0),
        }
    }

    /// Subtracts one unit for the value and `units` for its text.
    fn subtract(&self, units: usize) -> Option<()> {
        let units = u64::try_from(units).ok()?.saturating_add(1);
        let balance = self.0.units.load(Ordering::Relaxed).checked_sub(units)?;
        self.0.units.store(balance, Ordering::Relaxed);
        Some(())
    }
}

/// A budget is a CEL value, so that a metered expression can pass it to [`charge`] and [`charge_range`].
impl Val for Budget {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &BUDGET_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Budget {}

/// Implements `@charge(@budget, value)`: charges for the value and returns it.
pub(super) fn charge<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let (Some(budget), Some(value)) = (arguments.next(), arguments.next()) else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let budget = budget.downcast_ref::<Budget>().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    budget.charge(value.as_ref()).ok_or_else(|| ExecutionError::function_error("budget", "spent"))?;
    Ok(value)
}

/// Implements `@chargeRange(@budget, range)`: charges for the range of a loop and returns it. Of a map it
/// returns the sorted keys, which the evaluator would iterate over in random order, so that the same data
/// always gives the same value.
pub(super) fn charge_range<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let range = charge(arguments)?;
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let mut keys: Vec<_> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}
