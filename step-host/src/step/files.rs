//! Input and output files of a container step.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use protocol::{host::Outcome, number};
use serde_json::{Value, json};

/// Maximum size of the output in bytes. A protocol frame holds at most 16 MiB; 1 KiB is reserved for the
/// other fields.
const MAX_OUTPUT_BYTES: u64 = 16 * 1024 * 1024 - 1024;
/// Maximum size in bytes of the standard output that becomes the output of a step without an output file.
const MAX_STDOUT_BYTES: usize = 64 * 1024;

/// Returns the path of the input file.
pub(super) fn input_path(work_dir: &Path) -> PathBuf {
    work_dir.join("input.json")
}

/// Returns the path of the output file.
pub(super) fn output_path(work_dir: &Path) -> PathBuf {
    work_dir.join("output.json")
}

/// Writes the input file, which must happen before the program starts.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(super) fn write_input(work_dir: &Path, value: &Value) -> io::Result<()> {
    fs::write(input_path(work_dir), serde_json::to_vec(value)?)
}

/// Returns the outcome of a program that has exited with code 0: its output file or, without one, its standard output.
pub(super) fn read_output(work_dir: &Path, stdout: OutputTail) -> Outcome {
    let path = output_path(work_dir);
    // The path may be anything, for example a pipe without a writer, on which a blocking open would hang.
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
        return bad_output("$SMBCOPILOT_OUTPUT is not a regular file".to_owned());
    }
    if metadata.len() > MAX_OUTPUT_BYTES {
        let bytes = metadata.len();
        return bad_output(format!(
            "$SMBCOPILOT_OUTPUT has {bytes} bytes; at most {MAX_OUTPUT_BYTES} are allowed"
        ));
    }
    let mut text = Vec::new();
    if let Err(error) = file.read_to_end(&mut text) {
        return unreadable(&error);
    }
    let oversized = number::oversized_integer(&text).map(number::display);
    match (serde_json::from_slice(&text), oversized) {
        (Err(error), _) => bad_output(format!("$SMBCOPILOT_OUTPUT is not JSON: {error}")),
        (Ok(_), Some(number)) => bad_output(format!(
            "$SMBCOPILOT_OUTPUT contains the integer {number}, which does not fit into 64 bits: use a string"
        )),
        (Ok(value), None) => Outcome::Ok { value },
    }
}

fn unreadable(error: &io::Error) -> Outcome {
    bad_output(format!("$SMBCOPILOT_OUTPUT cannot be read: {error}"))
}

const fn bad_output(message: String) -> Outcome {
    Outcome::BadOutput { message }
}

/// End of a step's standard output.
#[derive(Default)]
pub(super) struct OutputTail {
    text: String,
    /// Total number of bytes written.
    total_bytes: usize,
}

impl OutputTail {
    /// Adds a line, or a piece of one.
    pub(super) fn push(&mut self, text: &str, partial: bool) {
        let length = self.text.len();
        self.text.push_str(text);
        if !partial {
            self.text.push('\n');
        }
        self.total_bytes += self.text.len() - length;
        // The text is not shortened after every line, because removing the beginning copies the rest.
        if self.text.len() > 2 * MAX_STDOUT_BYTES {
            self.shorten();
        }
    }

    /// Removes text from the beginning until at most [`MAX_STDOUT_BYTES`] remain.
    fn shorten(&mut self) {
        let surplus = self.text.len().saturating_sub(MAX_STDOUT_BYTES);
        let at = (surplus..self.text.len()).find(|at| self.text.is_char_boundary(*at));
        self.text.drain(..at.unwrap_or(0));
    }

    /// Returns `{"stdout": …}` without the last line break. If the text was shortened, `stdoutBytes` has its total size.
    fn into_output(mut self) -> Value {
        self.shorten();
        let is_complete = self.text.len() == self.total_bytes;
        let text = self.text.strip_suffix('\n').unwrap_or(&self.text);
        if is_complete {
            json!({"stdout": text})
        } else {
            json!({"stdout": text, "stdoutBytes": self.total_bytes})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a long standard output is retained, together with its total size.
    #[test]
    fn the_end_of_a_long_output_and_its_size_are_retained() {
        let mut tail = OutputTail::default();
        (0..100_000).for_each(|n| tail.push(&format!("zeile ü {n}"), false));
        let output = tail.into_output();
        let text = output["stdout"].as_str().unwrap();
        assert!(text.ends_with("zeile ü 99999") && text.len() <= MAX_STDOUT_BYTES);
        let all: usize = (0..100_000).map(|n| format!("zeile ü {n}\n").len()).sum();
        assert_eq!(output["stdoutBytes"], json!(all));

        let mut short = OutputTail::default();
        short.push("a", true);
        short.push("b", false);
        assert_eq!(short.into_output(), json!({"stdout": "ab"}));
    }
}
