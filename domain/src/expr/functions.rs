//! The closed list of functions, and the environment that implements them.
//!
//! Left out on purpose: functions whose result can be far larger than their arguments (`replace`, `join`, `format`,
//! `lists.range`) or whose time is quadratic (`distinct`, `sort`). A `python` step does those within limits.

use std::sync::{Arc, LazyLock};

use cel::common::types::DYN_TYPE;
use cel::common::value::CowVal;
use cel::{Env, ExecutionError, extensions};

/// Elements of a list or characters of a string that a concatenation may give.
const MAX_CONCATENATED: i64 = 1 << 20;

/// The name under which [`bounded`] is called by metered expressions. It cannot be written by users.
pub(super) const BOUNDED: &str = "@bounded";

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

/// Whether users may call the function.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The environment of every expression: standard functions, `math`, and the harmless part of the string functions.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(extensions::strings).expect("the string functions are declared once");
    env.add_extension(extensions::math).expect("the math functions are declared once");
    env.add_extension(extensions::encoders).expect("the base64 functions are declared once");
    env.add_overload(BOUNDED, "bounded_dyn", vec![DYN_TYPE], bounded).expect("the name is ours alone");
    Arc::new(env)
});

/// Gives its argument back, or refuses it for its size.
fn bounded<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.into_iter().next().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    match value.as_sizer().map(|sizer| *sizer.size().inner()) {
        Some(size) if size > MAX_CONCATENATED => Err(ExecutionError::function_error(
            "+",
            format!("the result has {size} elements, more than {MAX_CONCATENATED}"),
        )),
        _ => Ok(value),
    }
}
