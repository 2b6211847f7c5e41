//! What users may call in an expression, as the reference page has it.

/// Functions and macros: how each is written, and what it gives. Operators are CEL's: `+ - * / %`, comparisons,
/// `&& || !`, `? :`, `in`, `[]` and `.`.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("has(x.y)", "whether the field is there"),
    ("list.all(e, condition)", "whether it holds for every element"),
    ("list.exists(e, condition)", "whether it holds for one element at least"),
    ("list.exists_one(e, condition)", "whether it holds for exactly one element"),
    ("list.filter(e, condition)", "the elements for which it holds"),
    ("list.map(e, value)", "a value for each element"),
    ("size(x)", "the length of a text, list or map; also `x.size()`"),
    ("type(x)", "the type: `type(x) == string`"),
    ("dyn(x)", "the value without its static type"),
    ("bool(x)", "a truth value, of a text"),
    ("int(x)", "a whole number, of a text or number"),
    ("uint(x)", "a whole number that is not negative"),
    ("double(x)", "a number with a fraction"),
    ("string(x)", "a text"),
    ("bytes(x)", "the bytes of a text"),
    ("timestamp(text)", "a time, of RFC 3339"),
    ("duration(text)", "a span of time, such as `duration('90s')`"),
    ("time.getFullYear()", "the year; with a time zone as argument, there"),
    ("time.getMonth()", "the month, 0 to 11"),
    ("time.getDate()", "the day of the month, 1 to 31"),
    ("time.getDayOfMonth()", "the day of the month, 0 to 30"),
    ("time.getDayOfWeek()", "the day of the week, 0 (Sunday) to 6"),
    ("time.getDayOfYear()", "the day of the year, 0 to 365"),
    ("time.getHours()", "the hour; of a duration, the hours"),
    ("time.getMinutes()", "the minute; of a duration, the minutes"),
    ("time.getSeconds()", "the second; of a duration, the seconds"),
    ("time.getMilliseconds()", "the millisecond; of a duration, the milliseconds"),
    ("text.contains(part)", "whether the part is in the text"),
    ("text.startsWith(part)", "whether the text begins with it"),
    ("text.endsWith(part)", "whether the text ends with it"),
    ("text.matches(pattern)", "whether the regular expression (RE2) matches a part of the text"),
    ("text.charAt(index)", "the character at the index, counted from 0"),
    ("text.indexOf(part)", "where the part begins first; -1 where it is not"),
    ("text.lastIndexOf(part)", "where the part begins last; -1 where it is not"),
    ("text.substring(from, to)", "the part from an index to another; `to` may be left out"),
    ("text.split(separator)", "the parts between separators"),
    ("text.trim()", "the text without white space at its ends"),
    ("text.lowerAscii()", "the text with ASCII letters in lower case"),
    ("text.upperAscii()", "the text with ASCII letters in upper case"),
    ("base64.encode(bytes)", "base64 of bytes: `base64.encode(bytes(text))`"),
    ("base64.decode(text)", "the bytes of a base64 text"),
    ("math.greatest(a, b)", "the largest of its arguments"),
    ("math.least(a, b)", "the smallest of its arguments"),
    ("math.abs(x)", "the distance from zero"),
    ("math.sign(x)", "-1, 0 or 1"),
    ("math.ceil(x)", "the next whole number above, as a double"),
    ("math.floor(x)", "the next whole number below, as a double"),
    ("math.round(x)", "the nearest whole number, halves away from zero, as a double"),
    ("math.trunc(x)", "the number without its fraction, as a double"),
    ("math.sqrt(x)", "the square root"),
    ("math.isNaN(x)", "whether it is no number"),
    ("math.isInf(x)", "whether it is infinite"),
    ("math.isFinite(x)", "whether it is a finite number"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::functions;

    /// A function that users may call is on no page, or one is that they may not.
    #[test]
    fn the_page_has_every_function() {
        let written: Vec<String> = FUNCTIONS.iter().map(|(form, _)| name(form)).collect();
        for known in functions::names().filter(|name| name.starts_with(char::is_alphabetic)) {
            let known = known.replace("math.@max", "math.greatest").replace("math.@min", "math.least");
            assert!(written.contains(&known), "{known} is on no page");
        }
        let macros = ["has", "all", "exists", "exists_one", "filter", "map"];
        for name in written.iter().filter(|name| !macros.contains(&name.as_str())) {
            let name = name.replace("math.greatest", "math.@max").replace("math.least", "math.@min");
            assert!(functions::is_known(&name), "{name} is none");
        }
    }

    /// `text.trim()` is `trim`, `math.abs(x)` keeps its namespace.
    fn name(form: &str) -> String {
        let called = form.split('(').next().unwrap_or_default();
        match called.split_once('.') {
            Some((target, name)) if !functions::NAMESPACES.contains(&target) => name.to_owned(),
            _ => called.to_owned(),
        }
    }
}
