//! A process of the program.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use protocol::parsing::{Answer, Exit, Failure, FailureCode, Limits, Parsed, Request, failure};

/// Limits that a document of a test does not reach.
pub(crate) const LIMITS: Limits =
    Limits { memory_bytes: 1024 * 1024 * 1024, cpu_seconds: 120, text_bytes: 10_000_000, chunks: 10_000 };

/// Returns a request for a document with a name and a declared type.
pub(crate) fn request(file_name: &str, declared_type: &str) -> Request {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Request {
        declared_type: given(declared_type),
        file_name: given(file_name),
        chunk_tokens: 200,
        max_chunk_tokens: 256,
        tokenizer: None,
        limits: LIMITS,
    }
}

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) exit: Exit,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs the program with a request and a document.
pub(crate) fn run(request: &Request, document: &[u8]) -> Output {
    let mut line = serde_json::to_vec(request).unwrap();
    line.push(b'\n');
    run_raw(&[&line, document])
}

/// Runs the program with any input.
pub(crate) fn run_raw(input: &[&[u8]]) -> Output {
    let mut child = spawn();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A process that fails early does not read its input.
        scope.spawn(move || input.iter().try_for_each(|part| stdin.write_all(part)));
        child.wait_with_output().unwrap()
    });
    let exit = match (output.status.code(), output.status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap()),
    };
    Output { exit, stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Starts the program.
pub(crate) fn spawn() -> Child {
    Command::new(env!("CARGO_BIN_EXE_document-parser"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the answer about a document, as the api-server understands it.
pub(crate) fn answer(request: &Request, document: &[u8]) -> Answer {
    let output = run(request, document);
    if output.exit == Exit::Code(0) {
        return serde_json::from_slice(&output.stdout).unwrap();
    }
    Answer::Failed(failure(output.exit, &output.stderr).unwrap_or_else(|| panic!("{output:?}")))
}

/// Parses a document that can be parsed.
pub(crate) fn parse(request: &Request, document: &[u8]) -> Parsed {
    match answer(request, document) {
        Answer::Parsed(parsed) => parsed,
        Answer::Failed(failure) => panic!("{failure:?}"),
    }
}

/// Returns why a document cannot be parsed.
pub(crate) fn fail(request: &Request, document: &[u8]) -> Failure {
    match answer(request, document) {
        Answer::Parsed(parsed) => {
            panic!("parsed as {} into {} chunks", parsed.mime_type, parsed.chunks.len())
        }
        Answer::Failed(failure) => failure,
    }
}

/// Returns the code of a document with a name that cannot be parsed.
pub(crate) fn code(file_name: &str, document: &[u8]) -> FailureCode {
    fail(&request(file_name, ""), document).code
}

/// Returns the texts of all chunks, each with its headings.
pub(crate) fn texts(parsed: &Parsed) -> Vec<(String, Vec<String>)> {
    let characters: Vec<char> = parsed.text.chars().collect();
    let texts = parsed.chunks.iter().map(|chunk| {
        let range = usize::try_from(chunk.start).unwrap()..usize::try_from(chunk.end).unwrap();
        (characters[range].iter().collect(), chunk.headings.clone())
    });
    texts.collect()
}
