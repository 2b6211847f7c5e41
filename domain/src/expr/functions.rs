//! The closed list of functions, and the environment that implements them.
//!
//! Left out on purpose: functions whose result can be far larger than their arguments (`replace`, `join`, `format`,
//! `lists.range`) or whose time is quadratic (`distinct`, `sort`). A `python` step does those within limits.

use std::sync::{Arc, LazyLock};

use cel::common::types::DYN_TYPE;
use cel::{Env, extensions};

use super::budget::{pay, range};

/// The name under which [`pay`] is called by metered expressions. It cannot be written by users.
pub(super) const PAY: &str = "@pay";

const NAMES: &[&str] = &[
    "!_",
    "-_",
    "_!=_",
    "_%_",
    "_&&_",
    "_*_",
    "_+_",
    "_-_",
    "_/_",
    "_<=_",
    "_<_",
    "_==_",
    "_>=_",
    "_>_",
    "_?_:_",
    "_[_]",
    "_||_",
    "@in",
    "@not_strictly_false",
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "indexOf",
    "int",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "math.@max",
    "math.@min",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
];

/// The namespaces of functions: `math` in `math.round(x)` is not a variable.
pub(super) const NAMESPACES: &[&str] = &["math", "base64"];

/// Names that denote types, as in `type(x) == string`.
pub(super) const TYPES: &[&str] =
    &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// The names of all functions and operators.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied()
}

/// Whether users may call the function.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The name under which [`range`] is called by metered expressions. It cannot be written by users.
pub(super) const RANGE: &str = "@range";

/// The environment of every expression: standard functions, `math`, and the harmless part of the string functions.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(extensions::strings).expect("the string functions are declared once");
    env.add_extension(extensions::math).expect("the math functions are declared once");
    env.add_extension(extensions::encoders).expect("the base64 functions are declared once");
    env.add_overload(PAY, "pay_dyn", vec![DYN_TYPE], pay).expect("the name is ours alone");
    env.add_overload(RANGE, "range_dyn", vec![DYN_TYPE], range).expect("the name is ours alone");
    Arc::new(env)
});
