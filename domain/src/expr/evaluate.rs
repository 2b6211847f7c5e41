//! Evaluation, within a budget.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use serde_json::Value;

use super::context::Context;
use super::errors::EvaluateError;
use super::functions::ENVIRONMENT;
use super::json;
use super::meter::TICK;
use super::program::Program;

/// Iterations and concatenations of one evaluation. A workflow's input of 256 KiB holds at most some 100,000 values.
const BUDGET: u32 = 200_000;
/// The largest value of an expression, in bytes of JSON: a run's whole inline budget, four times over.
const MAX_VALUE_BYTES: usize = 1 << 20;

impl Program {
    /// The value of this expression on `context`, as JSON. Costs at most 200,000 iterations and concatenations.
    ///
    /// # Errors
    /// If it fails on this data, costs too much, is interrupted, or gives what is not JSON of at most 1 MiB.
    pub fn evaluate(&self, context: &Context) -> Result<Value, EvaluateError> {
        let meter = Meter {
            left: AtomicU32::new(BUDGET),
            spent: AtomicBool::new(false),
            interrupt: context.interrupt(),
        };
        let mut scope = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        scope.set_variable_resolver(&meter);
        for name in &self.references().roots {
            if let Some(value) = context.get(name) {
                scope.add_variable_from_value(name.as_str(), self.bind(name, value));
            }
        }
        // The evaluator may panic on what its authors did not foresee; that must end the step, not the process.
        let result = catch_unwind(AssertUnwindSafe(|| cel::Value::resolve(&self.expression, &scope)));
        if meter.spent.load(Ordering::Relaxed) {
            return Err(EvaluateError::Exhausted { source_text: self.source.clone(), limit: BUDGET });
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
    pub fn decide(&self, context: &Context) -> Result<bool, EvaluateError> {
        match self.evaluate(context)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                Err(EvaluateError::NotBool { source_text: self.source.clone(), got: json::type_name(&other) })
            }
        }
    }

    /// Only the steps that are read are converted: the others' outputs may be large.
    fn bind(&self, name: &str, value: &Value) -> cel::Value {
        match (name, value) {
            ("steps", Value::Object(steps)) => {
                let read = steps.iter().filter(|(step, _)| self.references().steps.contains_key(*step));
                json::map_to_cel(read)
            }
            _ => json::to_cel(value),
        }
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
        E::FunctionError { function, message } => format!("{function}: {message}"),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::UnexpectedType { got, want } => format!("expected {want}, got {got}"),
        _ => "the operation is not supported on these values".to_owned(),
    }
}

/// Resolves `@tick` while there is budget.
struct Meter {
    left: AtomicU32,
    spent: AtomicBool,
    interrupt: Option<Arc<AtomicBool>>,
}

impl VariableResolver for Meter {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if variable != TICK {
            return None;
        }
        let interrupted = self.interrupt.as_ref().is_some_and(|interrupt| interrupt.load(Ordering::Relaxed));
        let paid = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if interrupted || paid.is_err() {
            self.spent.store(true, Ordering::Relaxed);
            return None;
        }
        Some(CowVal::owned(CelBool::from(true)))
    }
}
