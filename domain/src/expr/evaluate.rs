//! Evaluation, within a budget.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

use super::budget::{BudgetScope, UNITS};
use super::context::Context;
use super::errors::EvaluateError;
use super::functions::ENVIRONMENT;
use super::json;
use super::program::{Program, STACK};
use super::references::FieldUsage;

/// The largest value of an expression, in bytes of JSON: a run's whole inline budget, four times over.
const MAX_VALUE_BYTES: usize = 1 << 20;

impl Program {
    /// The value of this expression on `context`, as JSON. Costs at most 500,000 units, which are
    /// iterations and values copied.
    ///
    /// # Errors
    /// If it fails on this data, costs too much, is interrupted, or gives what is not JSON of at most 1 MiB. A plain path,
    /// such as `steps.a.output`, gives what is there, whatever its size.
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvaluateError> {
        if let Some(value) = self.resolve_path(context) {
            return Ok(value.clone());
        }
        stacker::grow(STACK, || self.evaluate_bounded(context))
    }

    /// The value that a plain path leads to: it is only handed on, so it costs nothing and may be as large as the data is.
    /// None where nothing is there, which evaluation tells of, or where the expression is more than a path.
    pub(crate) fn resolve_path<'c>(&self, context: &'c Context) -> Option<&'c Value> {
        let (root, rest) = self.path.as_ref()?.split_first()?;
        rest.iter().try_fold(context.get(root)?, |value, name| value.as_object()?.get(name))
    }

    fn evaluate_bounded(&self, context: &Context) -> Result<Value, EvaluateError> {
        let budget = BudgetScope::new(context.interrupt());
        let mut scope = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, reads) in &self.references().roots {
            if let Some(value) = context.get(name) {
                scope.add_variable_from_value(name.as_str(), bind(value, reads, &budget));
            }
        }
        if budget.is_spent() {
            return Err(self.exhausted());
        }
        // The evaluator may panic on what its authors did not foresee; that must end the step, not the process.
        let result = catch_unwind(AssertUnwindSafe(|| cel::Value::resolve(&self.expression, &scope)));
        if budget.is_spent() {
            return Err(self.exhausted());
        }
        match result {
            Ok(Ok(value)) => json::from_cel(&value, MAX_VALUE_BYTES).map_err(|error| self.not_json(error)),
            Ok(Err(error)) => Err(self.failed(describe(&error))),
            Err(_) => Err(self.failed("the evaluator gave up".to_owned())),
        }
    }

    /// The truth of this expression on `context`.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and if the value is not a boolean.
    pub fn evaluate_bool(&self, context: &Context) -> Result<bool, EvaluateError> {
        match self.evaluate(context)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                Err(EvaluateError::NotBool { source_text: self.source.clone(), got: json::type_name(&other) })
            }
        }
    }

    fn exhausted(&self) -> EvaluateError {
        EvaluateError::Exhausted { source_text: self.source.clone(), limit: UNITS }
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

/// Only what is read is converted: the rest of an input, or the outputs of other steps, may be large.
fn bind(value: &Value, reads: &FieldUsage, budget: &BudgetScope) -> cel::Value {
    match (value, reads) {
        (Value::Object(fields), FieldUsage::Fields(read)) => {
            let fields = fields.iter().filter(|(name, _)| read.contains(*name));
            json::map_to_cel(fields.inspect(|(_, field)| budget.charge(field)))
        }
        _ => {
            budget.charge(value);
            json::to_cel(value)
        }
    }
}

/// CEL's own message, without the values in it where it would repeat them: they may be large or private.
fn describe(error: &cel::ExecutionError) -> String {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("there is no `{key}`"),
        E::UndeclaredReference(name) => format!("there is no `{name}` here"),
        E::UnsupportedBinaryOperator(operator, left, right) => {
            format!("`{operator}` cannot be applied to {} and {}", left.type_of(), right.type_of())
        }
        E::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        E::Overflow(operator, _, _) => format!("`{operator}` overflows"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::UnsupportedIndex(index, value) => {
            format!("a {} cannot be indexed with a {}", value.type_of(), index.type_of())
        }
        E::UnsupportedTargetType { target } => format!("a {} is not supported here", target.type_of()),
        E::UnsupportedKeyType(value) => format!("a {} cannot be a key", value.type_of()),
        E::DuplicateKey(_) => "a key is given twice".to_owned(),
        E::IndexOutOfBounds(index) => match index {
            cel::Value::Int(index) => format!("the list has no element {index}"),
            _ => "the list has no such element".to_owned(),
        },
        E::FunctionError { function, message } => {
            // The regex library draws its message over several lines.
            format!("{function}: {}", message.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        E::NoSuchOverload(overload) => overload.to_string(),
        E::UnexpectedType { got, want } => format!("expected {want}, got {got}"),
        _ => "the operation is not supported on these values".to_owned(),
    }
}
