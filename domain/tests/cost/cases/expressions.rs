//! Expressions on large inputs.

use std::sync::{Arc, LazyLock};

use domain::expr::{Context, MAX_COST, Program};
use serde_json::{Map, Value, json};

use super::{Case, summary};

/// The largest data that an expression may read: an input has at most 256 KiB, outputs of steps more.
pub(crate) static DATA: LazyLock<Arc<Value>> = LazyLock::new(|| {
    let objects: Vec<_> = (0..3000).map(|id| json!({"id": id, "kind": "abc"})).collect();
    let map: Map<_, _> = (0..3000).map(|id| (format!("k{id}"), json!(id))).collect();
    Arc::new(json!({
        "numbers": (0..300).collect::<Vec<_>>(),
        "zeros": vec![0; 20_000],
        "many": vec![0; 100_000],
        "nested": vec![json!([[[]]]); 20_000],
        "text": "x".repeat(200_000),
        "halves": "a".repeat(100_000),
        "needle": format!("{}b", "a".repeat(50_000)),
        "time": "1s".repeat(50_000),
        "objects": objects,
        "map": map,
    }))
});

pub(super) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = SOURCES.iter().map(|source| case(source, (*source).to_owned())).collect();
    cases.extend(long_expressions().into_iter().map(|(name, source)| case(name, source)));
    cases
}

fn case(name: &str, source: String) -> Case {
    Case::new(format!("expression {name}"), move || evaluate(&source))
}

/// Evaluates an expression on [`DATA`], and asserts that it is not charged more than its budget.
pub(crate) fn evaluate(source: &str) -> String {
    let program = match Program::parse(source) {
        Ok(program) => program,
        Err(error) => return summary(error.code()),
    };
    let context = Context::new().with("input", Arc::clone(&DATA));
    let (result, cost) = program.evaluate_with_cost(&context);
    assert!(cost <= MAX_COST, "{source} cost {cost}");
    match result {
        Ok(value) => format!("{cost} units, {}", summary(&value.to_string())),
        Err(error) => format!("{cost} units, {}", error.code()),
    }
}

const SOURCES: &[&str] = &[
    "string(input.numbers.filter(x, input.numbers.exists(y, input.text.matches('(x+x+)+y'))).size())",
    "input.text.matches('(x+x+)+y')",
    "input.text.matches('(x|y)*y(x|y){30}')",
    "input.text.matches('(.*)(.*)(.*)(.*)(.*)y')",
    "input.text.matches('((((x*)*)*)*)*y')",
    "input.numbers.map(n, input.text.matches('x{' + string(n) + '}y'))",
    "input.numbers.map(n, 'a'.matches('[\\\\p{L}\\\\p{N}]{' + string(n) + '}'))",
    "input.zeros.map(a, input.zeros.map(b, a + b))",
    "input.zeros.all(a, input.zeros.all(b, b == 0))",
    "input.numbers.filter(x, input.numbers.exists(y, y == x + 1000)).size()",
    "input.objects.filter(o, o.kind == 'abc' && o.id > 3).size()",
    "input.objects.map(o, {'id': o.id, 'kind': o.kind})",
    "size(input.many)",
    "input.many == input.many",
    "input.nested == input.nested",
    "[input.many, input.many]",
    "[input.text].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)",
    "[[1, 1, 1, 1]].map(a, a + a).map(a, a + a).map(a, a + a).map(a, [a, a, a, a]).map(a, [a, a, a, a]).map(a, [a, a, a, a])",
    "input.text.split('')",
    "input.text.split('x').size()",
    "input.halves.indexOf(input.needle)",
    "input.halves.lastIndexOf(input.needle)",
    "input.numbers.map(n, input.halves.indexOf(input.needle))",
    "input.numbers.map(n, input.halves.contains(input.needle))",
    "input.zeros.all(x, input.text.size() > 0)",
    "input.numbers.exists(x, input.many - 1 == 0)",
    "input.numbers.exists(x, input.many < 1)",
    "input.numbers.exists(x, x < input.many)",
    "input.many in input.many",
    "input.numbers.exists(x, input.objects in input.many)",
    "input.zeros.exists(x, x == input.objects)",
    "input.numbers.exists(x, input.many[1.5] == 0)",
    "input.numbers.exists(x, {'a': 1}[input.many] == 0)",
    "input.numbers.all(x, x in input.many)",
    "input.map.all(k, k in input.map)",
    "input.map.map(k, input.map[k]).size()",
    "input.zeros.all(x, timestamp('2026-11-24T09:00:00Z').getFullYear('Europe/Berlin') > 0)",
    "input.zeros.map(x, string(1e308)).size()",
    "duration(input.time).getHours()",
    "input.numbers.exists(n, duration(input.time) == duration('1s'))",
    "input.numbers.exists(n, int(input.text) == 0)",
    "input.numbers.exists(n, double(input.text) == 0.0)",
    "input.numbers.exists(n, timestamp(input.text) == timestamp('2026-11-24T09:00:00Z'))",
    "base64.encode(bytes(input.text))",
    "input.numbers.map(n, base64.decode(input.text))",
    "input.numbers.map(x, input.text.substring(x)).size()",
    "input.numbers.map(x, input.text.charAt(199000)).size()",
    "input.zeros.map(x, {'a': x, 'b': x})",
    "input.zeros.map(x, {})",
    "input.zeros.map(x, [])",
    "math.greatest(input.many)",
    "input.numbers.map(x, math.greatest(input.many))",
];

/// Expressions that use their 4 KiB.
fn long_expressions() -> Vec<(&'static str, String)> {
    let repeat = |unit: &str, separator: &str| {
        let count = 3500 / (unit.len() + separator.len());
        vec![unit; count].join(separator)
    };
    vec![
        ("true && …", format!("input.zeros.all(a, {})", balanced(&["true"; 500]))),
        ("[1, …]", format!("input.zeros.map(a, [{}])", repeat("1", ","))),
        ("['', …]", format!("input.zeros.map(a, [{}])", repeat("''", ","))),
        ("[[], …]", format!("input.zeros.map(a, [{}])", repeat("[]", ","))),
        ("{1: 1, …}", format!("input.zeros.map(a, [{}])", repeat("{1:1}", ","))),
        ("a.id …", format!("input.objects.map(a, [{}])", repeat("a.id", ","))),
        ("input.zeros[a] …", format!("input.zeros.map(a, [{}])", repeat("input.zeros[a]", ","))),
        ("a literal", format!("input.zeros.map(a, '{}')", "x".repeat(3500))),
        ("a long name", format!("input.objects.all(a, has(a.{}.b))", "q".repeat(3500))),
        ("a long path", format!("input.objects.all(a, has(a{}))", ".a".repeat(100))),
        ("input.text + …", vec!["input.text"; 100].join("+")),
        ("x.matches …", format!("[{}]", repeat("input.text.matches('x+y')", ","))),
    ]
}

/// Joins operands with `&&` in a balanced tree, whose depth is small.
fn balanced(operands: &[&str]) -> String {
    match operands {
        [one] => (*one).to_owned(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            format!("({}&&{})", balanced(left), balanced(right))
        }
    }
}
