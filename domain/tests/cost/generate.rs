//! Generated expressions, and schemas with values that they take long to validate. The same seed gives the same
//! case.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

/// Maximum nesting of generated cases.
const DEPTH: u32 = 4;

/// Maximum number of subschemas of a generated schema: together about 64 KiB.
const MAX_SUBSCHEMAS: u32 = 600;

/// Maximum number of values within a generated value: an input of 256 KiB has as many.
const MAX_VALUES: u32 = 20_000;

/// Parts of Python code, among them such that do not go together.
const CODE_PARTS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "'''",
    "f'",
    "f\"",
    "f'''",
    "{a",
    "{a:",
    "}'",
    "'\\''",
    "\\",
    "\n",
    "\n ",
    "\n  ",
    "#",
    "a",
    " a ",
    "run",
    ",",
    ":",
    ";",
    "=",
    ":=",
    ".",
    "-",
    "*",
    "**",
    " not ",
    " lambda a,b: ",
    " await ",
    " async ",
    " yield ",
    " if ",
    " else ",
    " for ",
    " in ",
    " with ",
    " match ",
    " case ",
    " def f(",
    " class A",
    " try",
    " except ",
    " import ",
    " from ",
    "@",
    "|",
    "0x1",
    "1e3",
    "!r",
    "é",
];

/// Returns Python code: a few parts, repeated up to the length that the code of a step can have.
pub(crate) fn code(seed: u32) -> String {
    let mut random = StdRng::seed_from_u64(seed.into());
    let mut parts = |count: u32| -> String {
        (0..count).filter_map(|_| CODE_PARTS.choose(&mut random).copied()).collect()
    };
    let (start, repeated) = (parts(seed % 4), parts(1 + seed % 9));
    let mut code = start + &repeated.repeat(65_536 / repeated.len());
    code.truncate(code.floor_char_boundary(65_536));
    code
}

/// Returns an expression over the data of [`super::cases`].
pub(crate) fn expression(seed: u32) -> String {
    let mut random = StdRng::seed_from_u64(seed.into());
    let mut generator = Expressions { random: &mut random, loops: Vec::new() };
    generator.value(DEPTH)
}

struct Expressions<'r> {
    random: &'r mut StdRng,
    /// Variables of the loops around the current place.
    loops: Vec<&'static str>,
}

impl Expressions<'_> {
    fn pick(&mut self, options: &[&'static str]) -> &'static str {
        options.choose(self.random).expect("there are options")
    }

    fn value(&mut self, depth: u32) -> String {
        match self.random.random_range(0..if depth == 0 { 2 } else { 10 }) {
            0 => self.leaf(),
            1 => self.list(0),
            2 => self.text(depth - 1),
            3 => self.number(depth - 1),
            4 => self.condition(depth - 1),
            5 => {
                let values: Vec<String> = (0..4).map(|_| self.value(depth - 1)).collect();
                format!("[{}]", values.join(", "))
            }
            6 => format!("{{'a': {}, 'b': {}}}", self.value(depth - 1), self.value(depth - 1)),
            7 => format!(
                "({} ? {} : {})",
                self.condition(depth - 1),
                self.value(depth - 1),
                self.value(depth - 1)
            ),
            8 => format!("({} + {})", self.value(depth - 1), self.value(depth - 1)),
            _ => self.list(depth - 1),
        }
    }

    fn leaf(&mut self) -> String {
        match self.loops.last() {
            Some(variable) if self.random.random_bool(0.6) => (*variable).to_owned(),
            _ => self
                .pick(&["1", "1.5", "'x'", "true", "null", "input.text", "input.many", "[]", "{}"])
                .to_owned(),
        }
    }

    fn list(&mut self, depth: u32) -> String {
        let list = self.pick(&[
            "input.numbers",
            "input.zeros",
            "input.many",
            "input.objects",
            "input.nested",
            "input.map",
            "[1, 2, 3]",
            "input.text.split('x')",
        ]);
        if depth == 0 || self.loops.len() >= 2 {
            return list.to_owned();
        }
        let variable = if self.loops.is_empty() { "a" } else { "b" };
        self.loops.push(variable);
        let looped = match self.random.random_range(0..3) {
            0 => format!("{list}.map({variable}, {})", self.value(depth - 1)),
            1 => format!("{list}.filter({variable}, {})", self.condition(depth - 1)),
            _ => format!("{list}.map({variable}, {}, {})", self.condition(depth - 1), self.value(depth - 1)),
        };
        self.loops.pop();
        looped
    }

    fn text(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self
                .pick(&["input.text", "input.halves", "input.needle", "input.time", "'abc'"])
                .to_owned();
        }
        let text = self.text(depth - 1);
        match self.random.random_range(0..8) {
            0 => format!("({text} + {})", self.text(depth - 1)),
            1 => format!("{text}.substring({})", self.number(0)),
            2 => format!("{text}.lowerAscii()"),
            3 => format!("{text}.trim()"),
            4 => format!("base64.encode(bytes({text}))"),
            5 => format!("string({})", self.leaf()),
            6 => format!("{text}.charAt({})", self.number(0)),
            _ => text,
        }
    }

    fn number(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["0", "1", "100", "199999", "2.5"]).to_owned();
        }
        match self.random.random_range(0..7) {
            0 => format!("size({})", self.value(depth - 1)),
            1 => format!("{}.indexOf({})", self.text(depth - 1), self.text(0)),
            2 => format!("{}.lastIndexOf({})", self.text(depth - 1), self.text(0)),
            3 => format!("int({})", self.leaf()),
            4 => format!("({} - {})", self.value(depth - 1), self.number(depth - 1)),
            5 => format!("{}[{}]", self.list(0), self.number(0)),
            _ => format!("math.greatest({}, {})", self.number(depth - 1), self.number(depth - 1)),
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["true", "false"]).to_owned();
        }
        let pattern = self.pick(&[
            "(x+x+)+y",
            ".*.*.*=.*",
            "(a|aa)+$",
            "\\\\p{L}{9}y",
            "(?i)[a-z]{20}9",
            "x{100}y",
            "^(\\\\w+\\\\s?)*$",
        ]);
        match self.random.random_range(0..9) {
            0 => format!("({} == {})", self.value(depth - 1), self.value(depth - 1)),
            1 => format!("({} in {})", self.value(depth - 1), self.list(0)),
            2 => format!("{}.matches('{pattern}')", self.text(depth - 1)),
            3 => format!("{}.contains({})", self.text(depth - 1), self.text(0)),
            4 => format!("({} < {})", self.value(depth - 1), self.number(depth - 1)),
            5 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            6 => format!("!{}", self.condition(depth - 1)),
            _ if self.loops.len() < 2 => {
                let variable = if self.loops.is_empty() { "a" } else { "b" };
                let list = self.list(0);
                self.loops.push(variable);
                let quantifier = self.pick(&["all", "exists", "exists_one"]);
                let looped = format!("{list}.{quantifier}({variable}, {})", self.condition(depth - 1));
                self.loops.pop();
                looped
            }
            _ => format!("{}.endsWith({})", self.text(depth - 1), self.text(0)),
        }
    }
}

/// Returns a schema, and a value of the kind that it describes.
pub(crate) fn schema(seed: u32) -> (Value, Value) {
    let mut random = StdRng::seed_from_u64(seed.into());
    let mut remaining = MAX_VALUES;
    let part = |random: &mut StdRng| subschema(random, DEPTH, &mut (MAX_SUBSCHEMAS / 3));
    let definitions = json!({"a": part(&mut random), "b": part(&mut random)});
    let mut schema = part(&mut random);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$defs".to_owned(), definitions);
    }
    (schema, value(&mut random, 3, &mut remaining))
}

fn subschema(random: &mut StdRng, depth: u32, remaining: &mut u32) -> Value {
    *remaining = remaining.saturating_sub(1);
    let leaf = random.random_range(0..10);
    if depth == 0 || *remaining == 0 {
        return match leaf {
            0 => json!({"type": "string"}),
            1 => json!({"const": random.random_range(0..3)}),
            2 => json!({"enum": (0..random.random_range(1..200)).collect::<Vec<i32>>()}),
            3 => json!({"pattern": "(x+x+)+y"}),
            4 => json!({"uniqueItems": true}),
            5 => json!({"$ref": "#/$defs/a"}),
            6 => json!({"$ref": "#/$defs/b"}),
            7 => json!({"required": ["a", "z"]}),
            8 => json!({"multipleOf": 0.01}),
            _ => json!({"format": "uri"}),
        };
    }
    let width = random.random_range(1..20);
    let mut parts = || (0..width).map(|_| subschema(random, depth - 1, remaining)).collect::<Vec<_>>();
    match leaf {
        0 => json!({"anyOf": parts()}),
        1 => json!({"allOf": parts()}),
        2 => json!({"oneOf": parts()}),
        3 => json!({"not": {"anyOf": parts()}}),
        4 => json!({"items": {"anyOf": parts()}}),
        5 => json!({"additionalProperties": {"anyOf": parts()}}),
        6 => {
            json!({"properties": {"a": {"allOf": parts()}, "b": {"anyOf": parts()}}, "unevaluatedProperties": false})
        }
        7 => json!({"contains": {"anyOf": parts()}, "minContains": 3}),
        8 => json!({"if": {"anyOf": parts()}, "then": false, "else": {"items": {"oneOf": parts()}}}),
        _ => json!({"prefixItems": parts(), "unevaluatedItems": {"anyOf": parts()}}),
    }
}

fn value(random: &mut StdRng, depth: u32, remaining: &mut u32) -> Value {
    *remaining = remaining.saturating_sub(1);
    let width = random.random_range(1..40_u32.pow(depth.min(2)).max(2)).min(*remaining);
    match random.random_range(0..if depth == 0 { 3 } else { 5 }) {
        0 => json!(0),
        1 => json!("x".repeat(random.random_range(0..200))),
        2 => json!(1.5),
        3 => (0..width).map(|_| value(random, depth - 1, remaining)).collect(),
        _ => {
            let names =
                ["a", "b", "c"].map(str::to_owned).into_iter().chain((0..width).map(|n| format!("n{n}")));
            Value::Object(names.map(|name| (name, value(random, depth - 1, remaining))).collect())
        }
    }
}
