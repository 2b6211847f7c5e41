//! What a document cannot exhaust: memory, time, files.

use std::io::Write as _;
use std::time::{Duration, Instant};

use protocol::parsing::{EXIT_BAD_REQUEST, Exit, FailureCode, Limits, failure};

use crate::fixtures::archive::{Entry, archive};
use crate::fixtures::{deflate_bomb, office, pdf};
use crate::process::{LIMITS, code, fail, request, run, run_raw, spawn};

/// Two GiB, of which the declared size tells the truth or lies.
const BOMB_MEBIBYTES: usize = 2048;

/// A Word document that unpacks to 2 GiB is refused, whether its archive declares the size or not.
#[test]
fn a_zip_bomb_is_refused() {
    for declared_size in [u32::MAX / 2, 1000] {
        let mut entries = office::docx_entries("");
        let document = entries.iter_mut().find(|entry| entry.name == "word/document.xml").unwrap();
        document.data = deflate_bomb(b' ', BOMB_MEBIBYTES);
        document.declared_size = declared_size;
        let failure = fail(&request("a.docx", ""), &archive(&entries));
        assert_eq!(failure.code, FailureCode::DecompressionBomb, "{failure:?}");
    }
}

/// A PDF whose page unpacks to 2 GiB is refused.
#[test]
fn a_flate_bomb_is_refused() {
    let data = [b"\x78\x9c".as_slice(), &deflate_bomb(b' ', BOMB_MEBIBYTES)].concat();
    let document = pdf::document(vec![pdf::stream("/Filter /FlateDecode", data)], "", "");
    let failure = fail(&request("a.pdf", ""), &document);
    assert_eq!(failure.code, FailureCode::DecompressionBomb, "{failure:?}");
}

/// A bomb that is declared as an image, whose size is not checked, is not unpacked into memory.
#[test]
fn a_bomb_in_disguise_exhausts_no_memory() {
    let data = [b"\x78\x9c".as_slice(), &deflate_bomb(b' ', BOMB_MEBIBYTES)].concat();
    let document = pdf::document(vec![pdf::stream("/X /Image /Filter /FlateDecode", data)], "", "");
    let failure = fail(&request("a.pdf", ""), &document);
    let expected = [FailureCode::DecompressionBomb, FailureCode::ParseOom, FailureCode::Corrupt];
    assert!(expected.contains(&failure.code), "{failure:?}");
}

/// An archive with more entries than documents have is refused.
#[test]
fn an_archive_of_many_entries_is_refused() {
    let mut entries = office::docx_entries("");
    entries.extend((0..30_000).map(|number| Entry::new(&format!("{number}"), "")));
    assert_eq!(code("a.docx", &archive(&entries)), FailureCode::TooLarge);
}

/// A document that needs more memory than permitted fails with the code of this limit.
#[test]
fn memory_is_limited() {
    let mut limited = request("a.txt", "");
    limited.limits =
        Limits { memory_bytes: 200 * 1024 * 1024, text_bytes: u64::MAX, chunks: u32::MAX, ..LIMITS };
    assert_eq!(fail(&limited, &vec![b'a'; 300 * 1024 * 1024]).code, FailureCode::ParseOom);
    assert_eq!(fail(&limited, "a b ".repeat(15 * 1024 * 1024).as_bytes()).code, FailureCode::ParseOom);
}

/// A document that needs more CPU time than permitted fails with the code of this limit.
#[test]
fn time_is_limited() {
    let mut limited = request("a.txt", "");
    limited.limits = Limits {
        memory_bytes: 4 * 1024 * 1024 * 1024,
        cpu_seconds: 1,
        text_bytes: u64::MAX,
        chunks: u32::MAX,
    };
    let text = "word and more. ".repeat(4 * 1024 * 1024);
    assert_eq!(fail(&limited, text.as_bytes()).code, FailureCode::ParseTimeout);
}

/// A request that the program cannot use is no fault of the document.
#[test]
fn a_bad_request_is_no_fault_of_the_document() {
    let mut without_tokenizer = request("a.txt", "");
    without_tokenizer.tokenizer = Some("/does/not/exist/tokenizer.json".into());
    for output in [run(&without_tokenizer, b"text"), run_raw(&[b"{}\n", b"text"]), run_raw(&[])] {
        assert_eq!(output.exit, Exit::Code(EXIT_BAD_REQUEST.into()), "{output:?}");
        assert_eq!(failure(output.exit, &output.stderr), None);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

/// While a document is read, the process can open no file, start no process, write to no file, and gain no privileges.
#[test]
fn the_process_is_restricted_before_it_reads_the_document() {
    const TIMEOUT: Duration = Duration::from_secs(60);
    let mut child = spawn();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&serde_json::to_vec(&request("a.txt", "")).unwrap()).unwrap();
    stdin.write_all(b"\n").unwrap();
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap();
    let is_restricted = |limits: &str| {
        let soft = |name: &str| {
            limits
                .lines()
                .find_map(|row| row.strip_prefix(name)?.split_whitespace().next())
                .unwrap()
                .to_owned()
        };
        let zero = ["Max open files", "Max processes", "Max file size", "Max core file size"];
        zero.iter().all(|name| soft(name) == "0")
            && soft("Max address space") == LIMITS.memory_bytes.to_string()
            && soft("Max cpu time") == LIMITS.cpu_seconds.to_string()
    };
    let deadline = Instant::now() + TIMEOUT;
    while !read("status").contains("Seccomp:\t2") {
        assert!(Instant::now() < deadline, "{}", read("status"));
        std::thread::yield_now();
    }
    assert!(is_restricted(&read("limits")), "{}", read("limits"));
    assert!(read("status").contains("NoNewPrivs:\t1"));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
