//! Code of Python steps.

use domain::python::{Mistake, check};

use super::{Case, summary};

/// Length of the longest code, in characters.
const LENGTH: usize = 65_536;

pub(super) fn all() -> Vec<Case> {
    let repeated = REPEATED.iter().map(|part| (summary(part), fill("", part)));
    let within = WITHIN.iter().map(|(start, part)| (summary(&format!("{start}{part}")), fill(start, part)));
    let wide = [("wide characters".to_owned(), "'😀';".repeat(LENGTH / 4)), ("stairs".to_owned(), stairs())];
    let nested = NESTED.iter().map(|(open, close, depth)| {
        (summary(&format!("{open}…{close}")), format!("{}1{}", open.repeat(*depth), close.repeat(*depth)))
    });
    let codes = repeated.chain(within).chain(wide).chain(nested);
    codes.map(|(name, code)| Case::new(format!("python {name}"), move || check_code(&code))).collect()
}

/// Parts that are repeated until the code is as long as it can be.
const REPEATED: &[&str] = &[
    "(",
    "[",
    "{",
    "((",
    "-",
    "not ",
    "lambda: ",
    "lambda a,b: ",
    "await ",
    "async ",
    "a if b else ",
    "x.",
    "a[b",
    "a(",
    "f()",
    "**",
    "a+",
    "a<",
    "a and ",
    "a,",
    "a;",
    "1\n",
    "@a\n",
    "'",
    "\"",
    "'''",
    "f'",
    "f'{",
    "f'{a:{",
    "f'''{'''",
    "f\"{f'{",
    "f'{a!r:'(((",
    "f'';",
    "f'{a}';",
    "f'{a b}';",
    ")",
    "]",
    "}",
    "= ",
    "if a,b:",
    "if a:",
    "with (a,",
    "with (a):\n",
    "match (a):\n",
    "match a:\n case (a|",
    "yield ",
    "*",
    "a=",
    "a:=",
    "def f(a=",
    "class A(",
    "import a,",
    "from a import (a,\n",
    "del a,",
    "\\\n",
    "\\",
    "#\n",
    "\t",
    "\r",
    "\u{c}",
    "é",
    "0x",
    "1_",
    "1e",
    "99999999999999999999 ",
    "0b1",
    "'\\N{DASH}'",
    "'\\u'",
    "b'é'",
    "try:\n",
    "else:\n",
    "  a\n a\n",
    "$",
    "?",
    "!",
    "run ",
    "run=1\n",
    "def g():run\n",
    "x=run;",
    "a: b\n",
    "{a:",
    "[a,",
    "(a,",
    "f(a,",
    "\u{feff}",
    "(a def b)",
    "f'{(a def b)}'",
    "a if ",
    "else ",
    "for a in b ",
    "[a for a in ",
    "a\n\n",
    "\"\"\"a\"\"\"\n",
    "0if 0else ",
    "1.e5if 1.e5else ",
    "1.jif 1.jelse ",
    "€if €else ",
];

/// Parts that are repeated within brackets, where a comma separates them.
const WITHIN: &[(&str, &str)] = &[
    ("(", "-1,"),
    ("(", "a if b else c,"),
    ("(", "lambda a,b:"),
    ("(\n", "if a,b:"),
    ("[", "f'{(a def b)}' -"),
    ("[\n", "not a,\n"),
    ("x = [", "{'a': 1, 'b': [1, 2]},"),
    ("match a:\n case ", "a|"),
    ("match a:\n case [", "[a],"),
    ("def f(", "a=lambda b,c:"),
    ("class A:\n ", "def run(self): pass\n "),
    ("1.e5f\"{", "-"),
    ("1.jf\"{", "-"),
    ("0x1f\"{", "-"),
    ("€f\"{", "-"),
];

/// Parts that are nested as deep as the check permits, and a little deeper.
const NESTED: &[(&str, &str, usize)] = &[
    ("(", ")", 199),
    ("[a,", "]", 199),
    ("{1:", "}", 199),
    ("f(", ")", 199),
    ("a[", "]", 199),
    ("(lambda:", ")", 150),
    ("(-", ")", 150),
    ("(a if b else ", ")", 120),
    ("-", "", 498),
    ("not ", "", 498),
    ("lambda: ", "", 498),
    ("a.", "", 498),
    ("a+", "", 498),
    ("a if b else ", "", 249),
    ("f'{", "}'", 100),
    ("f\"{f'{", "}'}\"", 50),
    ("with (", "):\n  pass", 199),
];

fn fill(start: &str, part: &str) -> String {
    let count = LENGTH.saturating_sub(start.chars().count()) / part.chars().count();
    format!("{start}{}", part.repeat(count))
}

/// Code whose indentation grows with every line.
fn stairs() -> String {
    (0..340).map(|depth| format!("{}if a:\n", " ".repeat(depth))).collect()
}

/// Checks the code of a step.
pub(crate) fn check_code(code: &str) -> String {
    let mistakes = check(code);
    assert!(mistakes.len() <= 5);
    match mistakes.first() {
        None => "accepted".to_owned(),
        Some(Mistake::Syntax { line, column, message }) => summary(&format!("{line}:{column} {message}")),
        Some(Mistake::EntryPoint { message }) => summary(message),
    }
}
