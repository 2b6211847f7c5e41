//! Functions that a metered expression calls: they charge the budget and return the value, or carry out an
//! operation whose cost depends on several arguments.

use cel::common::functions::Function;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelString, DYN_TYPE, INT_TYPE, Type, UINT_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

use super::budget::{Access, Budget};
use super::{numbers, text};

type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Name of the variable that holds the budget of a metered expression. Users cannot write names that begin
/// with `@`.
pub(super) const BUDGET: &str = "@budget";
/// Charges for a value that is read.
pub(super) const READ: &str = "@read";
/// Charges for a value that is copied, or for an operand whose size the result has.
pub(super) const COPY: &str = "@copy";
/// Charges for a text that is parsed.
pub(super) const PARSE: &str = "@parse";
/// Charges for the length of a text; a list or map costs one unit.
pub(super) const SIZE: &str = "@size";
/// Charges for the range of a loop and for all its iterations.
pub(super) const RANGE: &str = "@range";
/// Charges for the index of a list or key of a map.
pub(super) const KEY: &str = "@key";

/// Functions whose cost depends on several arguments, by their names in CEL.
const REPLACED: &[(&str, &str, Function)] = &[
    ("matches", "@matches", matches),
    ("indexOf", "@indexOf", index_of),
    ("lastIndexOf", "@lastIndexOf", last_index_of),
    ("split", "@split", split),
];

/// Returns the metered implementation of a function, if it has one.
pub(super) fn replacement(function: &str) -> Option<&'static str> {
    REPLACED.iter().find(|(name, _, _)| *name == function).map(|(_, metered, _)| *metered)
}

/// Adds the functions to an environment, and those that work on numbers of any type.
pub(super) fn register(env: &mut Env) {
    let charges: [(&str, Function); 5] =
        [(READ, read), (COPY, copy), (PARSE, parse), (SIZE, size), (KEY, key)];
    for (name, function) in charges {
        add(env, name, 2, function);
    }
    add(env, RANGE, 3, range);
    for (_, name, function) in REPLACED {
        add(env, name, 3, *function);
        add(env, name, 4, *function);
    }
    for (_, name, arguments, function) in numbers::REPLACED {
        arguments.iter().for_each(|arguments| add(env, name, *arguments, *function));
    }
    for number in [INT_TYPE, UINT_TYPE] {
        add_for_integers(env, &number);
    }
}

/// Lets the functions on doubles accept an integer: JSON does not distinguish `10` from `10.0`.
fn add_for_integers(env: &mut Env, integer: &Type) {
    let tests: [(&str, Function); 3] = [("math.isInf", no), ("math.isNaN", no), ("math.isFinite", yes)];
    let rounding = numbers::ROUNDING.iter().map(|name| -> (&str, Function) { (*name, unchanged) });
    for (name, function) in rounding.chain(tests) {
        let id = format!("{name}({})", integer.name());
        env.add_overload(name, &id, vec![integer.to_owned()], function)
            .expect("the functions are declared for doubles only");
    }
}

fn unchanged<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    arguments.into_iter().next().ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn no<'b, 'v>(_: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(false)))
}

fn yes<'b, 'v>(_: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(true)))
}

fn add(env: &mut Env, name: &str, arguments: usize, function: Function) {
    let id = format!("{name}_{arguments}");
    env.add_overload(name, &id, (0..arguments).map(|_| DYN_TYPE).collect(), function)
        .expect("no other function has this name and number of arguments");
}

fn read<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    charge(arguments, Access::Read)
}

fn copy<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    charge(arguments, Access::Copy)
}

fn parse<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    charge(arguments, Access::Parse)
}

fn charge<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>, access: Access) -> Outcome<'b, 'v> {
    let (budget, [value]) = take(arguments)?;
    spend(budget_in(&budget)?.charge_value(value.as_ref(), access))?;
    Ok(value)
}

fn size<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (budget, [value]) = take(arguments)?;
    let text = value.downcast_ref::<CelString<'_>>().map_or("", |text| text.inner());
    spend(budget_in(&budget)?.charge_text(text, Access::Read))?;
    Ok(value)
}

/// Charges for an index or key. A number such as `1.0` becomes an integer: the evaluator would copy the list
/// into the error for any other, such as `1.5`, which therefore fails here.
fn key<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let value = read(arguments)?;
    let Some(number) = value.downcast_ref::<CelDouble>() else { return Ok(value) };
    match serde_json::Number::from_f64(*number.inner()).and_then(|number| exact_integer(&number)) {
        Some(integer) => Ok(CowVal::owned(CelInt::from(integer))),
        None => Err(ExecutionError::function_error("_[_]", "an index must be a whole number")),
    }
}

/// Returns a number without a fraction as an integer.
fn exact_integer(number: &serde_json::Number) -> Option<i64> {
    let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
    format!("{number:.0}").parse().ok()
}

/// Charges for the range of a loop, whose elements are copied, and for the static cost of each iteration;
/// returns the range. Of a map it returns the sorted keys, which the evaluator would iterate over in random
/// order, so that the same data always gives the same value.
fn range<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (budget, [range, iteration_cost]) = take(arguments)?;
    let budget = budget_in(&budget)?;
    spend(budget.charge_value(range.as_ref(), Access::Copy))?;
    let cost = iteration_cost.downcast_ref::<CelInt>().map_or(0, |cost| *cost.inner());
    let iterations = range.as_sizer().map_or(0, |range| *range.size().inner());
    spend(budget.charge(u64::try_from(cost.saturating_mul(iterations)).unwrap_or(u64::MAX)))?;
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let mut keys: Vec<_> = map.inner().keys().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.into_iter().map(|key| key.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let (budget, [text, pattern]) = take(arguments)?;
    let (text, pattern) = (text_in("matches", &text)?, text_in("matches", &pattern)?);
    match budget_in(&budget)?.is_match(text, pattern) {
        Ok(found) => Ok(CowVal::owned(CelBool::from(spend(found)?))),
        Err(error) => Err(ExecutionError::function_error("matches", error)),
    }
}

fn index_of<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    search("indexOf", arguments, text::index_of)
}

fn last_index_of<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    search("lastIndexOf", arguments, text::last_index_of)
}

fn search<'b, 'v>(
    function: &str,
    mut arguments: Vec<CowVal<'b, 'v>>,
    find: fn(&str, &str, Option<i64>) -> Result<i64, String>,
) -> Outcome<'b, 'v> {
    let offset = (arguments.len() > 3).then(|| arguments.pop()).flatten();
    let offset = offset.map(|offset| integer_in(function, &offset)).transpose()?;
    let (budget, [text, part]) = take(arguments)?;
    let (text, part) = (text_in(function, &text)?, text_in(function, &part)?);
    spend(budget_in(&budget)?.charge_text(text, Access::Read))?;
    spend(budget_in(&budget)?.charge_text(part, Access::Read))?;
    let index = find(text, part, offset).map_err(|error| ExecutionError::function_error(function, error))?;
    Ok(CowVal::owned(CelInt::from(index)))
}

fn split<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Outcome<'b, 'v> {
    let limit = (arguments.len() > 3).then(|| arguments.pop()).flatten();
    let limit = limit.map(|limit| integer_in("split", &limit)).transpose()?.unwrap_or(-1);
    // A negative limit stands for none.
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (budget, [text, separator]) = take(arguments)?;
    let (text, separator) = (text_in("split", &text)?, text_in("split", &separator)?);
    let budget = budget_in(&budget)?;
    spend(budget.charge_text(text, Access::Copy))?;
    let parts = u64::try_from(text::count_parts(text, separator, limit)).unwrap_or(u64::MAX);
    spend(budget.charge(parts.saturating_mul(super::limits::COPY_COST)))?;
    let parts = text::split(text, separator, limit).into_iter();
    let parts: Vec<Box<dyn Val + 'v>> =
        parts.map(|part| -> Box<dyn Val + 'v> { Box::new(CelString::from(part.to_owned())) }).collect();
    Ok(CowVal::owned(CelList::from(parts)))
}

/// Splits the arguments into the budget and the others.
fn take<'b, 'v, const N: usize>(
    arguments: Vec<CowVal<'b, 'v>>,
) -> Result<(CowVal<'b, 'v>, [CowVal<'b, 'v>; N]), ExecutionError> {
    let mut arguments = arguments.into_iter();
    let budget = arguments.next().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let others: Vec<_> = arguments.collect();
    let others = others.try_into().map_err(|_| ExecutionError::MissingArgumentOrTarget)?;
    Ok((budget, others))
}

fn budget_in<'a>(value: &'a CowVal<'_, '_>) -> Result<&'a Budget, ExecutionError> {
    value.downcast_ref::<Budget>().ok_or(ExecutionError::MissingArgumentOrTarget)
}

fn text_in<'a>(function: &str, value: &'a CowVal<'_, '_>) -> Result<&'a str, ExecutionError> {
    match value.downcast_ref::<CelString<'_>>() {
        Some(text) => Ok(text.inner()),
        None => Err(wrong_type(function, value.as_ref())),
    }
}

fn integer_in(function: &str, value: &CowVal<'_, '_>) -> Result<i64, ExecutionError> {
    match value.downcast_ref::<CelInt>() {
        Some(integer) => Ok(*integer.inner()),
        None => Err(wrong_type(function, value.as_ref())),
    }
}

fn wrong_type(function: &str, value: &dyn Val) -> ExecutionError {
    ExecutionError::no_such_overload(function, vec![value.get_type().name().to_owned()])
}

/// Converts an exceeded budget into the error that ends the evaluation.
fn spend<T>(charged: Option<T>) -> Result<T, ExecutionError> {
    charged.ok_or_else(|| ExecutionError::function_error("budget", "spent"))
}
