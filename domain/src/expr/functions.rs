//! The closed list of functions that expressions may call, and the CEL environment that implements them.
//!
//! The list deliberately omits functions whose result can be far larger than their arguments (`replace`,
//! `join`, `format`, `lists.range`) or whose time is quadratic (`distinct`, `sort`). A `python` step runs
//! those within limits.

use std::sync::{Arc, LazyLock};

use cel::{Env, extensions};

use super::metered;

/// Names of all functions and operators, as CEL calls them.
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

/// Namespaces of functions: `math` in `math.round(x)` is not a variable.
pub(super) const NAMESPACES: &[&str] = &["math", "base64"];

/// Names of types, as in `type(x) == string`.
pub(super) const TYPES: &[&str] =
    &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Returns the names of all functions and operators.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied()
}

/// Returns whether users may call the function.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// CEL environment of every expression: the standard functions, and the extensions `strings`, `math` and
/// `encoders`, of which the parser admits the functions in [`NAMES`] only.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    env.add_extension(extensions::strings).expect("the string functions are declared once");
    env.add_extension(extensions::math).expect("the math functions are declared once");
    env.add_extension(extensions::encoders).expect("the base64 functions are declared once");
    metered::register(&mut env);
    Arc::new(env)
});
