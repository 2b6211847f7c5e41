//! Reading a content in a process of its own, which a hostile document cannot leave or exhaust.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures::TryStreamExt as _;
use protocol::parsing::{Answer, Exit, Failure, FailureCode, Limits, Request, failure};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
};

use super::Error;
use crate::{
    objects::{self, ObjectContent},
    store::documents::Document,
};

/// Number of tokens that a chunk should have. Passages of about this length are found best by the models that are used for search.
const CHUNK_TOKENS: u32 = 200;
/// Number of tokens that no chunk exceeds: what all-MiniLM-L6-v2 reads, without its two special tokens.
const MAX_CHUNK_TOKENS: u32 = 254;
/// Address space of the parser, in bytes. A content of 50 MiB and what it unpacks to fit, and two parsers fit in the memory of a worker.
const MEMORY_BYTES: u64 = 768 << 20;
/// CPU time of the parser, in seconds. A PDF file with 200 pages takes less than five.
const CPU_SECONDS: u64 = 60;
/// Maximum size of the text of a document, in bytes: a dozen books.
const TEXT_BYTES: u64 = 8 << 20;
/// Maximum number of chunks of a document. A text of the maximum size has about half as many.
const MAX_CHUNKS: u32 = 20_000;
/// Time limit by the clock: twice the CPU time, since other processes run beside the parser.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum size of an answer, in bytes: four times that of the text, of which JSON escapes some characters.
const MAX_ANSWER_BYTES: u64 = 4 * TEXT_BYTES;
/// Size of the end of standard error that is read, in bytes.
const MAX_STDERR_BYTES: u64 = 16 << 10;

/// Limits of a parser.
#[derive(Clone, Copy, Debug)]
pub struct ParserLimits {
    /// Limits that the program sets for itself.
    pub own: Limits,
    /// Time limit by the clock.
    pub timeout: Duration,
}

impl Default for ParserLimits {
    fn default() -> Self {
        let own = Limits {
            memory_bytes: MEMORY_BYTES,
            cpu_seconds: CPU_SECONDS,
            text_bytes: TEXT_BYTES,
            chunks: MAX_CHUNKS,
        };
        Self { own, timeout: TIMEOUT }
    }
}

/// Program that reads contents.
#[derive(Clone, Debug)]
pub struct Parser {
    program: PathBuf,
    limits: ParserLimits,
}

impl Parser {
    /// Creates a parser with the program `document-parser` at a path.
    #[must_use]
    pub fn new(program: PathBuf, limits: ParserLimits) -> Self {
        Self { program, limits }
    }

    /// Reads the content of a document in a new process.
    ///
    /// # Errors
    /// Returns an error if the program cannot be started, if it refuses the request, or if the content cannot be read from the storage.
    /// What is wrong with the content itself is an answer.
    pub(super) async fn parse(&self, document: &Document, content: ObjectContent) -> Result<Answer, Error> {
        let request = Request {
            declared_type: document.declared_type.clone(),
            file_name: Some(document.file_name.clone()),
            chunk_tokens: CHUNK_TOKENS,
            max_chunk_tokens: MAX_CHUNK_TOKENS,
            tokenizer: None,
            limits: self.limits.own,
        };
        let request =
            serde_json::to_string(&request).map_err(|error| Error::Parser { message: error.to_string() })?;
        let mut child = Command::new(&self.program)
            .env_clear()
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Error::Parser {
                message: format!("cannot start {}: {error}", self.program.display()),
            })?;
        match tokio::time::timeout(self.limits.timeout, communicate(&mut child, request, content)).await {
            Ok(communicated) => {
                let Output { sha256, answer, stderr, status } = communicated?;
                if sha256.is_some() && sha256 != document.content_sha256 {
                    return Err(Error::Damaged);
                }
                interpret(&answer, &stderr, exit(status))
            }
            Err(_) => interpret(&[], "", Exit::TimedOut),
        }
    }
}

/// What the program has written, and how it ended.
struct Output {
    /// SHA-256 of the content as hex digits; `None` if the program ended before it had read all of it.
    sha256: Option<String>,
    answer: Vec<u8>,
    stderr: String,
    status: ExitStatus,
}

/// Sends a content to the program, and reads what it writes until it ends.
async fn communicate(child: &mut Child, request: String, content: ObjectContent) -> Result<Output, Error> {
    let broken = |error: std::io::Error| Error::Parser { message: error.to_string() };
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(Error::Parser { message: "its pipes are missing".to_owned() });
    };
    let written = write(stdin, request, content);
    let (written, answer, stderr) =
        tokio::join!(written, read(stdout, MAX_ANSWER_BYTES), read(stderr, MAX_STDERR_BYTES));
    let status = child.wait().await.map_err(broken)?;
    let sha256 = written?;
    let stderr = String::from_utf8_lossy(&stderr.map_err(broken)?).into_owned();
    Ok(Output { sha256, answer: answer.map_err(broken)?, stderr, status })
}

/// Writes a content, and returns its SHA-256 if the program has read all of it.
async fn write(
    mut stdin: ChildStdin,
    request: String,
    content: ObjectContent,
) -> Result<Option<String>, objects::Error> {
    let (mut stream, mut digest) = (content.stream, Sha256::new());
    // The program may end before it has read everything, and its answer says why.
    let mut is_open = stdin.write_all((request + "\n").as_bytes()).await.is_ok();
    while is_open && let Some(piece) = stream.try_next().await? {
        digest.update(&piece);
        is_open = stdin.write_all(&piece).await.is_ok();
    }
    Ok(is_open.then(|| hex::encode(digest.finalize())))
}

/// Reads at most `limit` bytes, and one more if there are more. The program gets an error if it writes further ones.
async fn read(stream: impl AsyncRead + Unpin, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(limit + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn exit(status: ExitStatus) -> Exit {
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}

/// Returns the answer of the program, or what its end without an answer means.
fn interpret(answer: &[u8], stderr: &str, exit: Exit) -> Result<Answer, Error> {
    if u64::try_from(answer.len()).is_ok_and(|bytes| bytes > MAX_ANSWER_BYTES) {
        let message = format!("the text with its headings has more than {MAX_ANSWER_BYTES} bytes");
        return Ok(Answer::Failed(Failure { code: FailureCode::TooLarge, message }));
    }
    if matches!(exit, Exit::Code(0))
        && let Ok(answer) = serde_json::from_slice(answer)
    {
        return Ok(answer);
    }
    match failure(exit, stderr) {
        Some(failure) => Ok(Answer::Failed(failure)),
        None => Err(Error::Parser { message: stderr.lines().last().unwrap_or("no message").to_owned() }),
    }
}
