//! Cost budget of one evaluation, or of all evaluations of one template.
//!
//! The evaluator offers no hooks and calls plain functions, so a metered expression passes the budget to them
//! as an argument: it is bound to the variable `@budget`, which users cannot write.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::types::{CelBytes, CelList, CelMap, CelString, Type};
use cel::common::value::{StaticVal, Val};
use regex::Regex;
use serde_json::Value;

use super::limits::{
    COMPILED_STATES_PER_UNIT, COPIED_BYTES_PER_UNIT, COPY_COST, MATCHED_BYTES_PER_UNIT, MAX_COST, PARSE_COST,
    READ_BYTES_PER_UNIT,
};
use crate::pattern::{self, PatternError, Size};

static BUDGET_TYPE: Type = Type::new_unspecified_type("@budget");

/// Units that evaluations may still cost. Clones share one balance.
///
/// Evaluation is synchronous, so the atomics and the mutex are never contended; CEL requires values to be
/// `Sync`.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Balance>);

/// Compiled patterns with their sizes, by text.
type CompiledPatterns = BTreeMap<String, (Regex, Size)>;

#[derive(Debug)]
struct Balance {
    units: AtomicU64,
    is_spent: AtomicBool,
    interrupt: Option<Arc<AtomicBool>>,
    /// Patterns compiled so far, with the states of all of them together.
    patterns: Mutex<(CompiledPatterns, u64)>,
}

/// How an operation uses a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads the value.
    Read,
    /// Creates a value of this size.
    Copy,
    /// Parses the value, if it is a text.
    Parse,
}

impl Access {
    fn value_cost(self) -> u64 {
        match self {
            Self::Read | Self::Parse => 1,
            Self::Copy => COPY_COST,
        }
    }

    fn text_cost(self, bytes: usize) -> u64 {
        let units = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        match self {
            Self::Read => units(bytes / READ_BYTES_PER_UNIT),
            Self::Copy => units(bytes / COPIED_BYTES_PER_UNIT),
            Self::Parse => units(bytes).saturating_mul(PARSE_COST),
        }
    }
}

impl Budget {
    /// Returns a full budget, which counts as spent once `interrupt` is set.
    pub(crate) fn new(interrupt: Option<Arc<AtomicBool>>) -> Self {
        Self(Arc::new(Balance {
            units: AtomicU64::new(MAX_COST),
            is_spent: AtomicBool::new(false),
            interrupt,
            patterns: Mutex::default(),
        }))
    }

    /// Returns the units that have been charged.
    pub(crate) fn charged(&self) -> u64 {
        MAX_COST.saturating_sub(self.0.units.load(Ordering::Relaxed))
    }

    /// Returns whether an evaluation needed more than was left, even where an `||` has hidden the error.
    pub(super) fn is_spent(&self) -> bool {
        self.0.is_spent.load(Ordering::Relaxed)
    }

    /// Charges a number of units; returns `None` once the budget is spent or the evaluation is interrupted.
    pub(super) fn charge(&self, units: u64) -> Option<()> {
        self.checked(|| self.subtract(units))
    }

    /// Charges for a value and all that it contains; returns `None` once the budget is spent or the
    /// evaluation is interrupted.
    pub(super) fn charge_value(&self, value: &dyn Val, access: Access) -> Option<()> {
        self.checked(|| self.subtract_value(value, access))
    }

    /// Charges for a text; returns `None` once the budget is spent or the evaluation is interrupted.
    pub(super) fn charge_text(&self, text: &str, access: Access) -> Option<()> {
        self.checked(|| self.subtract(access.value_cost().saturating_add(access.text_cost(text.len()))))
    }

    /// Charges for a JSON value that is about to be converted for the evaluator, which borrows its texts.
    pub(super) fn charge_json(&self, value: &Value) -> Option<()> {
        self.checked(|| self.subtract_json(value))
    }

    /// Returns whether the text matches the pattern; charges for compiling the pattern when it is first used,
    /// and for its size times the length of the text. Returns `Ok(None)` once the budget is spent.
    pub(super) fn is_match(&self, text: &str, pattern: &str) -> Result<Option<bool>, PatternError> {
        let mut patterns = self.0.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        let (compiled, states) = &mut *patterns;
        if !compiled.contains_key(pattern) {
            let size = pattern::measure(pattern)?;
            let total = states.saturating_add(size.states);
            if total > pattern::MAX_STATES {
                return Err(PatternError::TooLarge { states: total });
            }
            if self.charge(size.states / COMPILED_STATES_PER_UNIT).is_none() {
                return Ok(None);
            }
            compiled.insert(pattern.to_owned(), (pattern::compile(pattern)?, size));
            *states = total;
        }
        let Some((regex, size)) = compiled.get(pattern) else { return Ok(None) };
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let units = bytes.saturating_mul(size.places) / MATCHED_BYTES_PER_UNIT;
        Ok(self.charge(units.saturating_add(1)).map(|()| regex.is_match(text)))
    }

    fn checked(&self, subtract: impl FnOnce() -> Option<()>) -> Option<()> {
        let is_interrupted =
            self.0.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed));
        if is_interrupted || self.is_spent() || subtract().is_none() {
            self.0.is_spent.store(true, Ordering::Relaxed);
            return None;
        }
        Some(())
    }

    fn subtract_value(&self, value: &dyn Val, access: Access) -> Option<()> {
        if let Some(text) = value.downcast_ref::<CelString<'_>>() {
            return self.subtract(access.value_cost().saturating_add(access.text_cost(text.inner().len())));
        }
        if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
            return self.subtract(access.value_cost().saturating_add(access.text_cost(bytes.inner().len())));
        }
        self.subtract(access.value_cost())?;
        if let Some(list) = value.downcast_ref::<CelList<'_>>() {
            return list.inner().iter().try_for_each(|item| self.subtract_value(item.as_ref(), access));
        }
        if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
            // The table of a map takes as much as a value.
            self.subtract(access.value_cost())?;
            return map.inner().iter().try_for_each(|(key, item)| {
                self.subtract_value(key.inner(), access)?;
                self.subtract_value(item.as_ref(), access)
            });
        }
        Some(())
    }

    fn subtract_json(&self, value: &Value) -> Option<()> {
        let text_cost = |text: &str| Access::Read.text_cost(text.len());
        match value {
            Value::String(text) => self.subtract(COPY_COST.saturating_add(text_cost(text))),
            Value::Array(items) => {
                self.subtract(COPY_COST)?;
                items.iter().try_for_each(|item| self.subtract_json(item))
            }
            Value::Object(fields) => {
                self.subtract(2 * COPY_COST)?;
                fields.iter().try_for_each(|(name, field)| {
                    self.subtract(COPY_COST.saturating_add(text_cost(name)))?;
                    self.subtract_json(field)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.subtract(COPY_COST),
        }
    }

    fn subtract(&self, units: u64) -> Option<()> {
        let balance = self.0.units.load(Ordering::Relaxed).checked_sub(units)?;
        self.0.units.store(balance, Ordering::Relaxed);
        Some(())
    }
}

/// A budget is a CEL value, so that a metered expression can pass it to the functions in
/// [`super::metered`].
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
