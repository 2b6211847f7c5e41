//! The Python of this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Prints the folder of the standard library.
const LIBRARY: &str = "import sysconfig; print(sysconfig.get_paths()['stdlib'])";
/// Reads a list of texts and prints for each whether it compiles.
const ACCEPTS: &str = r"
import json, sys, warnings
warnings.simplefilter('ignore')
def accepts(code):
    try:
        compile(code, 'step.py', 'exec', dont_inherit=True)
        return True
    except (SyntaxError, ValueError):
        return False
print(json.dumps([accepts(code) for code in json.load(sys.stdin)]))
";

/// A Python interpreter.
pub(crate) struct Judge {
    library: PathBuf,
}

impl Judge {
    /// Returns the interpreter of this machine, if it has one.
    pub(crate) fn find() -> Option<Self> {
        let output = Command::new("python3").args(["-c", LIBRARY]).output();
        match output {
            Ok(output) if output.status.success() => {
                let library = String::from_utf8(output.stdout).unwrap();
                Some(Self { library: library.trim_end().into() })
            }
            _ => {
                eprintln!("not judged by Python: this machine has no python3");
                None
            }
        }
    }

    /// Returns whether the interpreter compiles each of the texts.
    pub(crate) fn accepts(&self, codes: &[&str]) -> Vec<bool> {
        let mut python = Command::new("python3");
        python.args(["-c", ACCEPTS]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = python.spawn().unwrap();
        python.stdin.take().unwrap().write_all(&serde_json::to_vec(codes).unwrap()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        let verdicts: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdicts.len(), codes.len());
        verdicts
    }

    /// Returns the texts of the standard library, sorted by path.
    pub(crate) fn library(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.library, &mut files);
        files.sort();
        files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
}
