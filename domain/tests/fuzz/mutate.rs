//! Mutations of the lines of a corpus.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Maximum length of a mutated text, in characters: a little more than an expression may have.
const MAX_CHARACTERS: usize = 5000;

/// A change of a text.
#[derive(Clone, Debug)]
enum Mutation {
    /// Removes the characters between two places.
    Remove(Index, Index),
    /// Repeats the characters between two places.
    Repeat(Index, Index, usize),
    /// Inserts a text.
    Insert(Index, String),
    /// Appends another line from a place on.
    Splice(Index, Index),
}

/// Returns a strategy for mutations of the lines of a corpus, and for the lines themselves.
pub(crate) fn mutated(corpus: &'static str) -> impl Strategy<Value = String> {
    let lines: Vec<&str> = corpus.lines().collect();
    (select(lines.clone()), vec(mutation(), 0..6)).prop_map(move |(line, mutations)| {
        mutations.iter().fold(line.to_owned(), |text, mutation| {
            apply(mutation, &text, &lines).chars().take(MAX_CHARACTERS).collect()
        })
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    prop_oneof![
        (place(), place()).prop_map(|(from, to)| Mutation::Remove(from, to)),
        (place(), place(), 2..40_usize).prop_map(|(from, to, times)| Mutation::Repeat(from, to, times)),
        (place(), inserted()).prop_map(|(at, text)| Mutation::Insert(at, text)),
        (place(), place()).prop_map(|(line, at)| Mutation::Splice(line, at)),
    ]
}

/// Returns a strategy for texts that parsers treat specially.
fn inserted() -> impl Strategy<Value = String> {
    const SPECIAL: &[&str] = &[
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "$",
        "${{",
        "}}",
        "|",
        "*",
        "+",
        "{1000}",
        "\\p{L}",
        "&&",
        "||",
        "?",
        ":",
        ",",
        ".",
        "/",
        "-",
        "0",
        "9223372036854775808",
        "1e999",
        "null",
        "\u{0}",
        "ä",
        "\u{1F600}",
        "\n",
        "#/",
        "%",
        "~1",
        "true",
        "@",
    ];
    prop_oneof![3 => select(SPECIAL).prop_map(str::to_owned), 1 => ".{0,6}"]
}

fn apply(mutation: &Mutation, text: &str, lines: &[&str]) -> String {
    let characters: Vec<char> = text.chars().collect();
    let place = |index: &Index| index.index(characters.len() + 1);
    let range = |from: &Index, to: &Index| {
        let (from, to) = (place(from), place(to));
        from.min(to)..from.max(to)
    };
    let part =
        |range: std::ops::Range<usize>| characters.get(range).unwrap_or_default().iter().collect::<String>();
    let end = characters.len();
    match mutation {
        Mutation::Remove(from, to) => {
            let removed = range(from, to);
            part(0..removed.start) + &part(removed.end..end)
        }
        Mutation::Repeat(from, to, times) => {
            let repeated = range(from, to);
            part(0..repeated.start) + &part(repeated.clone()).repeat(*times) + &part(repeated.end..end)
        }
        Mutation::Insert(at, inserted) => part(0..place(at)) + inserted + &part(place(at)..end),
        Mutation::Splice(line, at) => {
            let line = lines.get(line.index(lines.len())).copied().unwrap_or_default();
            part(0..place(at)) + &line.chars().skip(place(at)).collect::<String>()
        }
    }
}
