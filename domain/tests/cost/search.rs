//! A search for expensive inputs: a few generated cases with every run of the tests. The benchmark generates
//! more of them.

use super::measure::measure;
use super::{assert_bounded, cases, generate};

/// Seeds of the cases that the tests generate. The benchmark begins with the same.
const SEEDS: std::ops::Range<u32> = 0..8;

/// Generated expressions on large data end within bounded time and memory.
#[test]
fn generated_expressions_are_bounded() {
    for seed in SEEDS {
        let source = generate::expression(seed);
        assert_bounded(&source, &measure(|| cases::evaluate(&source)));
    }
}

/// Generated schemas validate large values within bounded time and memory.
#[test]
fn generated_schemas_are_bounded() {
    for seed in SEEDS {
        let (schema, value) = generate::schema(seed);
        assert_bounded(&schema.to_string(), &measure(|| cases::check_schema(&schema, &value)));
    }
}

/// Generated code is checked within bounded time and memory.
#[test]
fn generated_code_is_bounded() {
    for seed in SEEDS {
        let code = generate::code(seed);
        assert_bounded(&code, &measure(|| cases::check_code(&code)));
    }
}
