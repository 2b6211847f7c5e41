//! A container step's files: its input, and what it leaves as its output.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use protocol::host::Outcome;
use serde_json::{Value, json};

/// The largest output, in bytes: a frame has 16 MiB, and the rest of it is what we wrap around.
const MAX_OUTPUT_BYTES: u64 = 16 * 1024 * 1024 - 1024;
/// How much of its standard output is a step's output when it leaves no file.
const MAX_STDOUT_BYTES: usize = 64 * 1024;

pub(crate) fn input(work_dir: &Path) -> PathBuf {
    work_dir.join("input.json")
}

pub(crate) fn output(work_dir: &Path) -> PathBuf {
    work_dir.join("output.json")
}

/// Writes the input before the program starts.
pub(crate) fn write_input(work_dir: &Path, value: &Value) -> io::Result<()> {
    fs::write(input(work_dir), serde_json::to_vec(value)?)
}

/// What a program that ended well returns.
pub(crate) fn read_output(work_dir: &Path, stdout: Tail) -> Outcome {
    let path = output(work_dir);
    // The file may be anything, a pipe that nobody writes to included.
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Outcome::Ok { value: stdout.into_output() };
        }
        Err(error) => return unreadable(&error),
    };
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return unreadable(&error),
    };
    if !metadata.is_file() {
        return bad("$SMBCOPILOT_OUTPUT is no file".to_owned());
    }
    if metadata.len() > MAX_OUTPUT_BYTES {
        let bytes = metadata.len();
        return bad(format!("$SMBCOPILOT_OUTPUT has {bytes} bytes; at most {MAX_OUTPUT_BYTES} are allowed"));
    }
    let mut text = Vec::new();
    if let Err(error) = file.read_to_end(&mut text) {
        return unreadable(&error);
    }
    match serde_json::from_slice(&text) {
        Ok(value) => Outcome::Ok { value },
        Err(error) => bad(format!("$SMBCOPILOT_OUTPUT is not JSON: {error}")),
    }
}

fn unreadable(error: &io::Error) -> Outcome {
    bad(format!("$SMBCOPILOT_OUTPUT cannot be read: {error}"))
}

const fn bad(message: String) -> Outcome {
    Outcome::BadOutput { message }
}

/// The end of what a step wrote to its standard output.
#[derive(Default)]
pub(crate) struct Tail {
    text: String,
    /// Of all that was written.
    bytes: usize,
}

impl Tail {
    /// Adds a line, or a piece of one.
    pub(crate) fn push(&mut self, text: &str, partial: bool) {
        let length = self.text.len();
        self.text.push_str(text);
        if !partial {
            self.text.push('\n');
        }
        self.bytes += self.text.len() - length;
        // Not at each line: moving the rest costs as much as there is of it.
        if self.text.len() > 2 * MAX_STDOUT_BYTES {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        let surplus = self.text.len().saturating_sub(MAX_STDOUT_BYTES);
        let at = (surplus..self.text.len()).find(|at| self.text.is_char_boundary(*at));
        self.text.drain(..at.unwrap_or(0));
    }

    /// `{"stdout": …}` without the last line break; where it is not all, with `stdoutBytes`, the size of all.
    fn into_output(mut self) -> Value {
        self.shorten();
        let is_whole = self.text.len() == self.bytes;
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        if is_whole { json!({"stdout": text}) } else { json!({"stdout": text, "stdoutBytes": self.bytes}) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chatty program fills the host's memory, or its last words, which are its result, are lost.
    #[test]
    fn of_a_long_output_the_end_is_kept_and_the_size_is_told() {
        let mut tail = Tail::default();
        (0..100_000).for_each(|n| tail.push(&format!("zeile ü {n}"), false));
        let output = tail.into_output();
        let text = output["stdout"].as_str().unwrap();
        assert!(text.ends_with("zeile ü 99999") && text.len() <= MAX_STDOUT_BYTES);
        let all: usize = (0..100_000).map(|n| format!("zeile ü {n}\n").len()).sum();
        assert_eq!(output["stdoutBytes"], json!(all));

        let mut short = Tail::default();
        short.push("a", true);
        short.push("b", false);
        assert_eq!(short.into_output(), json!({"stdout": "ab"}));
    }
}
