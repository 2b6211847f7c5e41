//! Documentation of the functions and macros that users may call in an expression, from which the reference
//! page is generated.

/// Functions and macros: the form of each call and its result. Operators are those of CEL: `+ - * / %`,
/// comparisons, `&& || !`, `? :`, `in`, `[]` and `.`.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("has(x.y)", "true if the field exists"),
    ("list.all(e, condition)", "true if the condition holds for every element"),
    ("list.exists(e, condition)", "true if the condition holds for at least one element"),
    ("list.exists_one(e, condition)", "true if the condition holds for exactly one element"),
    ("list.filter(e, condition)", "list of the elements for which the condition holds"),
    ("list.map(e, value)", "list of one value per element"),
    ("size(x)", "length of a string, list or map; also written `x.size()`"),
    ("type(x)", "type of the value, as in `type(x) == string`"),
    ("dyn(x)", "the value without its static type"),
    ("bool(x)", "boolean parsed from a string"),
    ("int(x)", "integer converted from a string or number"),
    ("uint(x)", "unsigned integer converted from a string or number"),
    ("double(x)", "floating-point number converted from a string or number"),
    ("string(x)", "the value as a string"),
    ("bytes(x)", "bytes of a string (UTF-8)"),
    ("timestamp(text)", "timestamp parsed from RFC 3339"),
    ("duration(text)", "duration parsed from text such as `duration('90s')`"),
    ("time.getFullYear()", "year, in UTC or in the time zone given as an argument"),
    ("time.getMonth()", "month, 0 to 11"),
    ("time.getDate()", "day of the month, 1 to 31"),
    ("time.getDayOfMonth()", "day of the month, 0 to 30"),
    ("time.getDayOfWeek()", "day of the week, 0 (Sunday) to 6"),
    ("time.getDayOfYear()", "day of the year, 0 to 365"),
    ("time.getHours()", "hour of a timestamp; total hours of a duration"),
    ("time.getMinutes()", "minute of a timestamp; total minutes of a duration"),
    ("time.getSeconds()", "second of a timestamp; total seconds of a duration"),
    ("time.getMilliseconds()", "millisecond of a timestamp; milliseconds of a duration"),
    ("text.contains(part)", "true if the string contains the part"),
    ("text.startsWith(part)", "true if the string starts with the part"),
    ("text.endsWith(part)", "true if the string ends with the part"),
    ("text.matches(pattern)", "true if the regular expression (RE2) matches a part of the string"),
    ("text.charAt(index)", "character at the index, starting at 0"),
    ("text.indexOf(part)", "index of the first occurrence of the part; -1 if there is none"),
    ("text.lastIndexOf(part)", "index of the last occurrence of the part; -1 if there is none"),
    ("text.substring(from, to)", "substring from one index up to another; `to` is optional"),
    ("text.split(separator)", "list of the parts between separators"),
    ("text.trim()", "the string without leading and trailing white space"),
    ("text.lowerAscii()", "the string with ASCII letters in lower case"),
    ("text.upperAscii()", "the string with ASCII letters in upper case"),
    ("base64.encode(bytes)", "Base64 of bytes: `base64.encode(bytes(text))`"),
    ("base64.decode(text)", "bytes of a Base64 string"),
    ("math.greatest(a, b)", "largest of the arguments"),
    ("math.least(a, b)", "smallest of the arguments"),
    ("math.abs(x)", "absolute value"),
    ("math.sign(x)", "sign: -1, 0 or 1"),
    (
        "math.ceil(x)",
        "smallest integer not less than x, as a double; an integer is returned unchanged, as by `floor`, `round` and `trunc`",
    ),
    ("math.floor(x)", "largest integer not greater than x, as a double"),
    ("math.round(x)", "nearest integer, halves away from zero, as a double"),
    ("math.trunc(x)", "integer part, as a double"),
    ("math.sqrt(x)", "square root"),
    ("math.isNaN(x)", "true if x is NaN"),
    ("math.isInf(x)", "true if x is infinite"),
    ("math.isFinite(x)", "true if x is a finite number"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::functions;

    /// The reference page documents exactly the functions that users may call.
    #[test]
    fn every_callable_function_is_documented() {
        let documented: Vec<String> = FUNCTIONS.iter().map(|(form, _)| name(form)).collect();
        for known in functions::names().filter(|name| name.starts_with(char::is_alphabetic)) {
            let known = known.replace("math.@max", "math.greatest").replace("math.@min", "math.least");
            assert!(documented.contains(&known), "{known} is not documented");
        }
        let macros = ["has", "all", "exists", "exists_one", "filter", "map"];
        for name in documented.iter().filter(|name| !macros.contains(&name.as_str())) {
            let name = name.replace("math.greatest", "math.@max").replace("math.least", "math.@min");
            assert!(functions::is_known(&name), "{name} is documented but cannot be called");
        }
    }

    /// Returns the name of the function that a form calls: `trim` for `text.trim()`, `math.abs` for
    /// `math.abs(x)`.
    fn name(form: &str) -> String {
        let called = form.split('(').next().unwrap_or_default();
        match called.split_once('.') {
            Some((target, name)) if !functions::NAMESPACES.contains(&target) => name.to_owned(),
            _ => called.to_owned(),
        }
    }
}
