//! Properties of all chunks.

use std::path::PathBuf;

use document_parser::Tokens;
use proptest::prelude::*;
use protocol::parsing::{Parsed, Request};

use crate::process::{parse, request, texts};

/// A tokenizer with one token for each word and one for each other mark.
const TOKENIZER: &str = r#"{
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
    "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[UNK]"},
    "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
}"#;

/// Writes the tokenizer to a file of the target directory.
fn tokenizer() -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tokenizer-{}.json", std::process::id()));
    std::fs::write(&path, TOKENIZER).unwrap();
    path
}

/// Parses in the process of the test.
fn parse_here(request: &Request, text: &str, tokens: &Tokens) -> Option<Parsed> {
    document_parser::parse(request, text.as_bytes(), tokens).ok()
}

/// Checks what holds for the chunks of any document.
fn check(parsed: &Parsed, max_tokens: u32) {
    let mut end = 0;
    let characters: Vec<char> = parsed.text.chars().collect();
    let gap = |from: u64, to: u64| {
        let gap = &characters[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
        assert!(gap.iter().all(|character| character.is_whitespace()), "{gap:?} is in no chunk");
    };
    for (number, (chunk, (text, _))) in (0..).zip(parsed.chunks.iter().zip(texts(parsed))) {
        assert_eq!(chunk.ordinal, number);
        assert!(!text.trim().is_empty() && text.trim() == text, "{text:?}");
        assert!(chunk.tokens <= max_tokens, "{chunk:?}");
        gap(end, chunk.start);
        end = chunk.end;
    }
    gap(end, u64::try_from(characters.len()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The chunks of any text are its slices in order, have all of its visible characters, and none is too large.
    #[test]
    fn chunks_are_slices_of_any_text(
        text in "([a-zäß東🦀]{1,9}|[.,#>*|`-]|[ \n\t]{1,3}|\\PC){0,400}",
        name in prop::sample::select(vec!["a.txt", "a.md", "a.csv"]),
        tokens in 1..60_u32,
    ) {
        let mut request = request(name, "");
        request.chunk_tokens = tokens;
        request.max_chunk_tokens = tokens.max(16);
        if let Some(parsed) = parse_here(&request, &text, &Tokens::estimate()) {
            check(&parsed, request.max_chunk_tokens);
        }
    }

    /// The same holds for sizes that a tokenizer counts.
    #[test]
    fn chunks_fit_the_tokenizer(text in "([a-z]{1,9}|[.,#-]|[ \n]{1,3}|é|🦀){0,400}") {
        let tokens = Tokens::from_file(&tokenizer()).unwrap();
        let mut request = request("a.md", "");
        (request.chunk_tokens, request.max_chunk_tokens) = (20, 20);
        if let Some(parsed) = parse_here(&request, &text, &tokens) {
            check(&parsed, 20);
        }
    }
}

/// Chunks have about the desired size, counted by the tokenizer of the request, whose truncation and padding are ignored.
#[test]
fn chunks_have_about_the_desired_size() {
    let mut request = request("a.txt", "");
    request.tokenizer = Some(tokenizer());
    let sentence = "Alpha beta gamma delta epsilon zeta eta theta iota kappa.\n";
    let parsed = parse(&request, sentence.repeat(200).as_bytes());
    let (last, others) = parsed.chunks.split_last().unwrap();
    assert!(others.iter().all(|chunk| (180..=250).contains(&chunk.tokens)), "{:?}", parsed.chunks);
    assert!(last.tokens <= 250);
    assert_eq!(parsed.chunks.iter().map(|chunk| chunk.tokens).sum::<u32>(), 200 * 11);
}

/// A cell, a line or a word without any place to divide it is divided all the same.
#[test]
fn a_long_word_is_divided() {
    let parsed = parse(&request("a.csv", ""), "x".repeat(100_000).as_bytes());
    assert!(parsed.chunks.len() > 50);
    check(&parsed, 256);
}

/// A heading is in the first chunk of its text, and never alone.
#[test]
fn a_heading_is_never_alone() {
    let text = format!("# Terms of delivery\n\n{}", "word ".repeat(1000));
    let parsed = parse(&request("a.md", ""), text.as_bytes());
    let chunks = texts(&parsed);
    assert!(chunks[0].0.starts_with("# Terms") && parsed.chunks[0].tokens > 150, "{:?}", chunks[0]);
    assert!(chunks.iter().all(|(_, headings)| headings == &["Terms of delivery"]));
    check(&parsed, 256);
}
