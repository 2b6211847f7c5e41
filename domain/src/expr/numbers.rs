//! Arithmetic and comparison of numbers. JSON has one kind of number and CEL three types, which the evaluator
//! does not mix: `10 * 1.5` is an error, and integers beyond 2^53 are rounded before they are compared with a
//! double. The functions of this module replace the operators in a metered expression.
//!
//! - An integer and a double give a double.
//! - `int` and `uint` give the exact integer: an `int`, or a `uint` beyond its range, or an overflow.
//! - Comparisons are exact, also within lists and maps.
//!
//! Operands that are not numbers, or have the same type, are left to the evaluator.

use std::cmp::Ordering;

use cel::common::ast::operators;
use cel::common::functions::Function;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelUInt};
use cel::common::value::{CowVal, Val};
use cel::{ExecutionError, Value};

type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Operators and functions, with the name and the implementation that replace each, and its numbers of
/// arguments.
pub(super) const REPLACED: &[(&str, &str, &[usize], Function)] = &[
    (operators::ADD, "@add", &[2], |operands| calculate(Operator::Add, operands)),
    (operators::SUBSTRACT, "@sub", &[2], |operands| calculate(Operator::Subtract, operands)),
    (operators::MULTIPLY, "@mul", &[2], |operands| calculate(Operator::Multiply, operands)),
    (operators::DIVIDE, "@div", &[2], |operands| calculate(Operator::Divide, operands)),
    (operators::MODULO, "@rem", &[2], |operands| calculate(Operator::Remainder, operands)),
    (operators::EQUALS, "@eq", &[2], |operands| equality(operands, |is_equal| is_equal)),
    (operators::NOT_EQUALS, "@ne", &[2], |operands| equality(operands, |is_equal| !is_equal)),
    (operators::LESS, "@lt", &[2], |operands| order(operators::LESS, operands, Ordering::is_lt)),
    (operators::LESS_EQUALS, "@le", &[2], |operands| {
        order(operators::LESS_EQUALS, operands, Ordering::is_le)
    }),
    (operators::GREATER, "@gt", &[2], |operands| order(operators::GREATER, operands, Ordering::is_gt)),
    (operators::GREATER_EQUALS, "@ge", &[2], |operands| {
        order(operators::GREATER_EQUALS, operands, Ordering::is_ge)
    }),
    (operators::IN, "@in_list", &[2], contains),
    ("math.@max", "@max", &[1, 2], |numbers| extreme("math.greatest", Ordering::Greater, &numbers)),
    ("math.@min", "@min", &[1, 2], |numbers| extreme("math.least", Ordering::Less, &numbers)),
];

/// Functions on doubles that return an integer unchanged.
pub(super) const ROUNDING: &[&str] = &["math.ceil", "math.floor", "math.round", "math.trunc"];

/// Returns the name of the function that replaces an operator or function, if there is one.
pub(super) fn replacement(function: &str) -> Option<&'static str> {
    REPLACED.iter().find(|(name, ..)| *name == function).map(|(_, replacement, ..)| *replacement)
}

/// Operator of arithmetic.
#[derive(Clone, Copy)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// Returns the name of the operator in messages.
    fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// A number of any type.
#[derive(Clone, Copy)]
enum Number {
    /// An `int` or `uint`.
    Integer(i128),
    /// A `double`.
    Double(f64),
}

impl Number {
    /// Returns the number that a value is, or `None` if it is of another type.
    fn from_value(value: &dyn Val) -> Option<Self> {
        if let Some(integer) = value.downcast_ref::<CelInt>() {
            return Some(Self::Integer(i128::from(*integer.inner())));
        }
        if let Some(integer) = value.downcast_ref::<CelUInt>() {
            return Some(Self::Integer(i128::from(*integer.inner())));
        }
        value.downcast_ref::<CelDouble>().map(|double| Self::Double(*double.inner()))
    }

    #[expect(clippy::as_conversions, reason = "the nearest double, as in CEL's own conversion")]
    fn to_double(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Double(double) => double,
        }
    }

    /// Compares two numbers exactly; returns `None` if one of them is NaN.
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            (Self::Double(left), Self::Double(right)) => left.partial_cmp(&right),
            (Self::Integer(left), Self::Double(right)) => compare_with_double(left, right),
            (Self::Double(left), Self::Integer(right)) => {
                compare_with_double(right, left).map(Ordering::reverse)
            }
        }
    }
}

/// Doubles of at least this size, 2^65, are beyond every 64-bit integer.
const BEYOND_INTEGERS: f64 = 36_893_488_147_419_103_232.0;

fn compare_with_double(integer: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double.abs() >= BEYOND_INTEGERS {
        return 0.0_f64.partial_cmp(&double);
    }
    let whole = double.trunc();
    #[expect(clippy::as_conversions, reason = "a double below 2^65, without a fraction")]
    let ordering = integer.cmp(&(whole as i128));
    // Equal whole parts: the sign of the fraction decides.
    let fraction = 0.0_f64.partial_cmp(&(double - whole))?;
    Some(ordering.then(fraction))
}

fn calculate<'b, 'v>(operator: Operator, operands: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let [left, right] = take_two(operands)?;
    let is_same_type = left.get_type().name() == right.get_type().name();
    match (Number::from_value(left.as_ref()), Number::from_value(right.as_ref())) {
        (Some(Number::Integer(left)), Some(Number::Integer(right))) if !is_same_type => {
            calculate_integers(operator, left, right)
        }
        (Some(left), Some(right)) if !is_same_type => calculate_doubles(operator, left, right),
        _ => evaluate(operator, left.as_ref(), right.as_ref()),
    }
}

fn calculate_integers<'b, 'v>(operator: Operator, left: i128, right: i128) -> Outcome<'b, 'v> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => {
            return Err(ExecutionError::DivisionByZero(Value::Null));
        }
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
    };
    let overflow = || ExecutionError::Overflow(operator.name(), Value::Null, Value::Null);
    let result = result.ok_or_else(overflow)?;
    match (i64::try_from(result), u64::try_from(result)) {
        (Ok(integer), _) => Ok(CowVal::owned(CelInt::from(integer))),
        (_, Ok(integer)) => Ok(CowVal::owned(CelUInt::from(integer))),
        _ => Err(overflow()),
    }
}

fn calculate_doubles<'b, 'v>(operator: Operator, left: Number, right: Number) -> Outcome<'b, 'v> {
    let (left, right) = (left.to_double(), right.to_double());
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => return Err(remainder_of_doubles()),
    };
    Ok(CowVal::owned(CelDouble::from(result)))
}

fn remainder_of_doubles() -> ExecutionError {
    ExecutionError::function_error("%", "the operands must be integers: convert a double with int()")
}

/// Calculates with operands of one type, or that are not numbers, as the evaluator does.
fn evaluate<'b, 'v>(operator: Operator, left: &(dyn Val + 'v), right: &(dyn Val + 'v)) -> Outcome<'b, 'v> {
    let result = match operator {
        Operator::Add => left.as_adder().map(|left| left.add(right)),
        Operator::Subtract => left.as_subtractor().map(|left| left.sub(right)),
        Operator::Multiply => left.as_multiplier().map(|left| left.mul(right)),
        Operator::Divide => left.as_divider().map(|left| left.div(right)),
        Operator::Remainder if left.downcast_ref::<CelDouble>().is_some() => {
            return Err(remainder_of_doubles());
        }
        Operator::Remainder => left.as_modder().map(|left| left.modulo(right)),
    };
    match result {
        Some(Ok(value)) => Ok(CowVal::Owned(value.into_owned())),
        Some(Err(ExecutionError::Overflow(..))) => {
            Err(ExecutionError::Overflow(operator.name(), Value::Null, Value::Null))
        }
        // The evaluator copies both operands into this error.
        Some(Err(ExecutionError::UnsupportedBinaryOperator(..))) | None => {
            Err(not_applicable(operator.name(), left, right))
        }
        Some(Err(error)) => Err(error),
    }
}

fn equality<'b, 'v>(operands: Vec<CowVal<'b, 'v>>, result: fn(bool) -> bool) -> Outcome<'b, 'v> {
    let [left, right] = take_two(operands)?;
    Ok(CowVal::owned(CelBool::from(result(equals(left.as_ref(), right.as_ref())))))
}

/// Returns whether two values are equal: numbers of any types by their exact values, lists and maps by those
/// of their elements.
fn equals(left: &dyn Val, right: &dyn Val) -> bool {
    if let (Some(left), Some(right)) = (Number::from_value(left), Number::from_value(right)) {
        return left.compare(right) == Some(Ordering::Equal);
    }
    if let (Some(left), Some(right)) =
        (left.downcast_ref::<CelList<'_>>(), right.downcast_ref::<CelList<'_>>())
    {
        let (left, right) = (left.inner(), right.inner());
        let mut pairs = left.iter().zip(right);
        return left.len() == right.len() && pairs.all(|(left, right)| equals(left.as_ref(), right.as_ref()));
    }
    if let (Some(left), Some(right)) = (left.downcast_ref::<CelMap<'_>>(), right.downcast_ref::<CelMap<'_>>())
    {
        return left.inner().len() == right.inner().len()
            && left.inner().iter().all(|(key, value)| has_entry(right, key.inner(), value.as_ref()));
    }
    is_same_type(left, right) && left.equals(right)
}

/// Returns whether two values have the same type. The evaluator compares values of different types by an error that has a copy of both,
/// which takes as long as the larger one is.
fn is_same_type(left: &dyn Val, right: &dyn Val) -> bool {
    left.get_type().name() == right.get_type().name()
}

fn has_entry(map: &CelMap<'_>, key: &dyn Val, value: &dyn Val) -> bool {
    let entry = map.as_indexer().and_then(|map| map.get(key).ok());
    entry.is_some_and(|entry| equals(value, entry.as_ref()))
}

fn order<'b, 'v>(
    operator: &'static str,
    operands: Vec<CowVal<'b, 'v>>,
    is_expected: fn(Ordering) -> bool,
) -> Outcome<'b, 'v> {
    let [left, right] = take_two(operands)?;
    let (left, right) = (left.as_ref(), right.as_ref());
    let ordering = match (Number::from_value(left), Number::from_value(right)) {
        (Some(left), Some(right)) => left.compare(right),
        _ if !is_same_type(left, right) => None,
        _ => left.as_comparer().and_then(|left| left.compare(right).ok()),
    };
    let ordering = ordering.ok_or_else(|| not_applicable(operator, left, right))?;
    Ok(CowVal::owned(CelBool::from(is_expected(ordering))))
}

fn contains<'b, 'v>(operands: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let [value, container] = take_two(operands)?;
    let (value, container) = (value.as_ref(), container.as_ref());
    let found = match container.downcast_ref::<CelList<'_>>() {
        Some(list) => Some(list.inner().iter().any(|element| equals(element.as_ref(), value))),
        None => container.as_container().and_then(|container| container.contains(value).ok()),
    };
    let found = found.ok_or_else(|| not_applicable(operators::IN, value, container))?;
    Ok(CowVal::owned(CelBool::from(found)))
}

/// Returns the greatest or least of the arguments, or of the elements of a list. The first of equal numbers
/// wins and retains its type.
fn extreme<'b, 'v>(function: &str, preferred: Ordering, arguments: &[CowVal<'b, 'v>]) -> Outcome<'b, 'v> {
    let numbers: Vec<&dyn Val> = match arguments {
        [list] if list.downcast_ref::<CelList<'_>>().is_some() => list
            .downcast_ref::<CelList<'_>>()
            .map(|list| list.inner().iter().map(AsRef::as_ref).collect())
            .unwrap_or_default(),
        arguments => arguments.iter().map(AsRef::as_ref).collect(),
    };
    let mut best: Option<(&dyn Val, Number)> = None;
    for value in numbers {
        let number = Number::from_value(value).ok_or_else(|| {
            ExecutionError::no_such_overload(function, vec![value.get_type().name().to_owned()])
        })?;
        let is_better = match &best {
            None => true,
            Some((_, best)) => number
                .compare(*best)
                .map(|ordering| ordering == preferred)
                .ok_or_else(|| ExecutionError::function_error(function, "NaN cannot be compared"))?,
        };
        if is_better {
            best = Some((value, number));
        }
    }
    let (value, _) =
        best.ok_or_else(|| ExecutionError::function_error(function, "the list must not be empty"))?;
    Ok(CowVal::Owned(value.clone_as_boxed()))
}

fn not_applicable(operator: &str, left: &dyn Val, right: &dyn Val) -> ExecutionError {
    let types = [left, right].map(|operand| operand.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, types.to_vec())
}

fn take_two<'b, 'v>(operands: Vec<CowVal<'b, 'v>>) -> Result<[CowVal<'b, 'v>; 2], ExecutionError> {
    operands.try_into().map_err(|_| ExecutionError::MissingArgumentOrTarget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::functions;

    /// Every operator on numbers that users may write is replaced.
    #[test]
    fn every_operator_on_numbers_is_replaced() {
        let others = ["_[_]", "_?_:_", "_&&_", "_||_"];
        let binary = functions::names().filter(|name| name.starts_with('_') && name.ends_with('_'));
        for name in binary.filter(|name| !others.contains(name)).chain(["@in", "math.@max", "math.@min"]) {
            assert!(replacement(name).is_some(), "{name}");
        }
    }

    /// An integer of 64 bits is compared with a double by its exact value.
    #[test]
    fn integers_are_compared_with_doubles_exactly() {
        for (integer, double, expected) in [
            (1, 1.0, Some(Ordering::Equal)),
            (1, 1.5, Some(Ordering::Less)),
            (-1, -1.5, Some(Ordering::Greater)),
            (0, -0.0, Some(Ordering::Equal)),
            ((1 << 53) + 1, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
            (i128::from(i64::MAX), 9_223_372_036_854_775_808.0, Some(Ordering::Less)),
            (i128::from(i64::MIN), -9_223_372_036_854_775_808.0, Some(Ordering::Equal)),
            (i128::from(u64::MAX), 18_446_744_073_709_551_616.0, Some(Ordering::Less)),
            (i128::from(u64::MAX), f64::INFINITY, Some(Ordering::Less)),
            (i128::from(i64::MIN), f64::NEG_INFINITY, Some(Ordering::Greater)),
            (0, f64::NAN, None),
        ] {
            assert_eq!(compare_with_double(integer, double), expected, "{integer} and {double}");
        }
    }
}
