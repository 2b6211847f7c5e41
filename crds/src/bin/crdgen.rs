//! Writes the CustomResourceDefinitions of the chart `smb-copilot-crds`.

fn main() {}
