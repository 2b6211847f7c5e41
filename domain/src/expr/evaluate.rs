//! Evaluation of a program within a budget.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cel::common::value::Val;
use serde_json::Value;

use super::budget::{Access, Budget};
use super::context::Context;
use super::errors::EvaluateError;
use super::functions::ENVIRONMENT;
use super::json;
use super::limits::{MAX_COST, MAX_VALUE_BYTES, STACK_BYTES};
use super::metered::BUDGET;
use super::program::Program;
use super::references::FieldUsage;

impl Program {
    /// Evaluates the expression on `context` and returns its value as JSON. It costs at most [`MAX_COST`]
    /// units, at most 100 ms of one core.
    ///
    /// # Errors
    /// Returns an error if the evaluation fails on this data, costs too much or is interrupted, or if its
    /// value has no JSON representation of at most 1 MiB. A plain path, such as `steps.a.output`, may have a
    /// value of any size.
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvaluateError> {
        self.evaluate_within(context, &Budget::new(context.interrupt()))
    }

    /// Evaluates the expression as [`Self::evaluate`] does, and also returns its cost in units. The cost
    /// depends on the expression and the data alone.
    pub fn evaluate_with_cost(&self, context: &Context) -> (Result<Value, EvaluateError>, u64) {
        let budget = Budget::new(context.interrupt());
        let result = self.evaluate_within(context, &budget);
        (result, budget.charged())
    }

    /// Evaluates the expression as [`Self::evaluate`] does, at the expense of a budget that the caller may
    /// share between several expressions.
    ///
    /// # Errors
    /// Returns the errors of [`Self::evaluate`].
    pub(crate) fn evaluate_within(&self, context: &Context, budget: &Budget) -> Result<Value, EvaluateError> {
        if let Some(value) = self.resolve_path(context) {
            return Ok(value.clone());
        }
        stacker::grow(STACK_BYTES, || self.evaluate_cel(context, budget))
    }

    /// Evaluates the expression, which must be a condition, on `context`.
    ///
    /// # Errors
    /// Returns the errors of [`Self::evaluate`], and an error if the value is not a boolean.
    pub fn evaluate_bool(&self, context: &Context) -> Result<bool, EvaluateError> {
        match self.evaluate(context)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                Err(EvaluateError::NotBool { source_text: self.source.clone(), got: json::type_name(&other) })
            }
        }
    }

    /// Returns the value at a plain path. Such a value is only passed on, so it costs nothing and may be as
    /// large as the data. Returns `None` if the data has no such path, in which case evaluation reports the
    /// error, or if the expression is not a plain path.
    pub(crate) fn resolve_path<'c>(&self, context: &'c Context) -> Option<&'c Value> {
        let (root, rest) = self.path.as_ref()?.split_first()?;
        rest.iter().try_fold(context.get(root)?, |value, name| value.as_object()?.get(name))
    }

    fn evaluate_cel(&self, context: &Context, budget: &Budget) -> Result<Value, EvaluateError> {
        let mut scope = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        scope.add_variable_as_val(BUDGET, Box::new(budget.clone()));
        for (name, usage) in &self.references().roots {
            if let Some(value) = context.get(name) {
                let value = convert_used(value, usage, budget).ok_or_else(|| self.exhausted())?;
                scope.add_variable_as_val(name.as_str(), value);
            }
        }
        budget.charge(self.static_cost).ok_or_else(|| self.exhausted())?;
        // The evaluator may panic on input that its authors did not foresee; that must end the step, not the
        // process.
        let result = catch_unwind(AssertUnwindSafe(|| cel::Value::resolve_val(&self.expression, &scope)));
        if budget.is_spent() {
            return Err(self.exhausted());
        }
        match result {
            Ok(Ok(value)) => self.to_json(value.as_ref(), budget),
            Ok(Err(error)) => Err(self.failed(describe(&error))),
            Err(_) => Err(self.failed("the evaluator failed on this expression".to_owned())),
        }
    }

    fn to_json(&self, value: &dyn Val, budget: &Budget) -> Result<Value, EvaluateError> {
        budget.charge_value(value, Access::Copy).ok_or_else(|| self.exhausted())?;
        json::from_cel(value, MAX_VALUE_BYTES).map_err(|error| self.not_json(error))
    }

    fn exhausted(&self) -> EvaluateError {
        EvaluateError::Exhausted { source_text: self.source.clone(), limit: MAX_COST }
    }

    fn failed(&self, message: String) -> EvaluateError {
        EvaluateError::Failed { source_text: self.source.clone(), message }
    }

    fn not_json(&self, error: json::NotJson) -> EvaluateError {
        match error {
            json::NotJson::TooLarge => {
                EvaluateError::TooLarge { source_text: self.source.clone(), limit: MAX_VALUE_BYTES }
            }
            json::NotJson::Kind(message) => {
                EvaluateError::NotJson { source_text: self.source.clone(), message }
            }
        }
    }
}

/// Converts the parts of a variable that the expression uses: the rest of an input, or the outputs of other
/// steps, may be large. Returns `None` once the budget is spent.
fn convert_used<'v>(value: &'v Value, usage: &FieldUsage, budget: &Budget) -> Option<Box<dyn Val + 'v>> {
    match (value, usage) {
        (Value::Object(fields), FieldUsage::Fields(used)) => {
            let fields = || used.iter().filter_map(|name| fields.get_key_value(name));
            fields().try_for_each(|(_, field)| budget.charge_json(field))?;
            Some(json::map_to_cel(fields()))
        }
        _ => {
            budget.charge_json(value)?;
            Some(json::to_cel(value))
        }
    }
}

/// Maximum length of the message of a function, in bytes. Some functions repeat their argument in it.
const MAX_MESSAGE_BYTES: usize = 120;

fn shorten(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_MESSAGE_BYTES);
    let shortened = message.get(..end).unwrap_or_default();
    if end < message.len() { format!("{shortened}…") } else { shortened.to_owned() }
}

/// Returns a message for a CEL error. It omits the values that CEL's own message repeats: they may be large
/// or private.
fn describe(error: &cel::ExecutionError) -> String {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("no such key `{key}`"),
        E::UndeclaredReference(name) => format!("undefined variable `{name}`"),
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` cannot be applied to {} and {}", left.type_of(), right.type_of())
        }
        E::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        E::Overflow(operator, _, _) => {
            format!(
                "integer overflow in `{operator}`: integers have 64 bits; convert one operand with double()"
            )
        }
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::UnsupportedIndex(index, value) => {
            format!("a {} cannot be indexed with a {}", value.type_of(), index.type_of())
        }
        E::UnsupportedTargetType { target } => format!("a {} is not supported here", target.type_of()),
        E::UnsupportedKeyType(value) => format!("a {} cannot be a key", value.type_of()),
        E::DuplicateKey(_) => "duplicate key".to_owned(),
        E::IndexOutOfBounds(index) => match index {
            cel::Value::Int(index) => format!("index {index} is out of bounds"),
            _ => "the index is out of bounds".to_owned(),
        },
        E::FunctionError { function, message } => format!("{function}: {}", shorten(message)),
        E::NoSuchOverload(overload) => {
            let operator = overload.function().trim_matches(['_', '@']);
            format!("`{operator}` cannot be applied to {}", overload.argument_types().join(" and "))
        }
        E::UnexpectedType { got, want } => format!("expected {want}, got {got}"),
        _ => "the operation is not supported on these values".to_owned(),
    }
}
