//! Rebuilds the program when a migration changes, which it embeds, and converts `operations.yaml` and the examples of the OpenAPI
//! document to JSON, so that the program needs no YAML parser.
#![allow(clippy::print_stdout, reason = "build scripts pass instructions to cargo on stdout")]

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Folder of the examples: a file for each operation, named after it.
const EXAMPLES: &str = "src/http/openapi/examples";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../migrations");
    println!("cargo:rerun-if-changed=operations.yaml");
    println!("cargo:rerun-if-changed={EXAMPLES}");
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(folder.join("operations.json"), read(Path::new("operations.yaml"))?.to_string())?;
    Ok(fs::write(folder.join("examples.json"), serde_json::to_string(&examples()?)?)?)
}

/// Returns the content of all files by operation.
fn examples() -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let mut examples = BTreeMap::new();
    for entry in fs::read_dir(EXAMPLES)? {
        let path = entry?.path();
        let operation = path.file_stem().ok_or("an example has no name")?.to_string_lossy().into_owned();
        examples.insert(operation, read(&path)?);
    }
    Ok(examples)
}

fn read(file: &Path) -> Result<Value, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    Ok(serde_yaml::from_str(&text).map_err(|error| format!("failed to parse {}: {error}", file.display()))?)
}
