//! Rebuilds the program when a migration changes, which it embeds, and converts `operations.yaml` to JSON, so that the
//! program needs no YAML parser.
#![allow(clippy::print_stdout, reason = "build scripts pass instructions to cargo on stdout")]

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../migrations");
    println!("cargo:rerun-if-changed=operations.yaml");
    let operations: serde_json::Value = serde_yaml::from_str(&fs::read_to_string("operations.yaml")?)?;
    let path = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("operations.json");
    Ok(fs::write(path, operations.to_string())?)
}
