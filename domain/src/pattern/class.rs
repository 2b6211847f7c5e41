//! Estimated states of a character class. Each state tests one byte of the UTF-8 encoding of a character.

use regex_syntax::ast::{ClassPerl, ClassPerlKind, ClassSet, ClassSetItem};

/// States of a class that Unicode defines, such as `\p{L}`.
const UNICODE: u64 = 1000;
/// States of `\w`, which has letters, marks and digits of all scripts.
const WORD: u64 = 1000;
/// States of `\d`, which has the digits of all scripts.
const DIGIT: u64 = 100;
/// States of `\s`.
const SPACE: u64 = 16;
/// States of the complement of a small class: the bytes of all other characters.
const COMPLEMENT: u64 = 12;
/// States of a range of characters beyond ASCII.
const RANGE: u64 = 8;
/// States of a class within ASCII.
const ASCII: u64 = 1;

/// Returns the states of `.`, or of another class of nearly all characters.
pub(super) fn dot() -> u64 {
    COMPLEMENT
}

/// Returns the states of a class that Unicode defines.
pub(super) fn unicode() -> u64 {
    UNICODE
}

/// Returns the states of `\d`, `\s`, `\w` or one of their complements.
pub(super) fn perl(class: &ClassPerl) -> u64 {
    match class.kind {
        ClassPerlKind::Digit => DIGIT,
        ClassPerlKind::Space => SPACE,
        ClassPerlKind::Word => WORD,
    }
}

/// Returns the states of a class in brackets.
pub(super) fn bracketed(set: &ClassSet, is_negated: bool) -> u64 {
    let complement = if is_negated { COMPLEMENT } else { 0 };
    set_states(set).saturating_add(complement)
}

fn set_states(set: &ClassSet) -> u64 {
    match set {
        ClassSet::Item(item) => item_states(item),
        ClassSet::BinaryOp(operation) => {
            set_states(&operation.lhs).saturating_add(set_states(&operation.rhs)).saturating_add(COMPLEMENT)
        }
    }
}

fn item_states(item: &ClassSetItem) -> u64 {
    match item {
        ClassSetItem::Empty(_) => 0,
        ClassSetItem::Literal(literal) if literal.c.is_ascii() => ASCII,
        ClassSetItem::Range(range) if range.end.c.is_ascii() => ASCII,
        ClassSetItem::Literal(_) | ClassSetItem::Range(_) => RANGE,
        ClassSetItem::Ascii(class) => {
            if class.negated {
                COMPLEMENT
            } else {
                ASCII
            }
        }
        ClassSetItem::Unicode(_) => UNICODE,
        ClassSetItem::Perl(class) => perl(class),
        ClassSetItem::Bracketed(class) => bracketed(&class.kind, class.negated),
        ClassSetItem::Union(union) => {
            union.items.iter().fold(0, |sum, item| item_states(item).saturating_add(sum))
        }
    }
}
