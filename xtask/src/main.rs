//! `cargo xtask`: all commands of developers and of the CI in one program. `xtask-launcher` builds and starts it.

mod bench;
mod build;
mod chart;
mod checkout;
mod cli;
mod cluster;
mod deploy;
mod down;
mod env;
mod example;
mod fuzz;
mod generate;
mod instance;
mod interrupt;
mod issuer;
mod lint;
mod orphans;
mod phase;
mod preflight;
mod program;
mod push;
mod status;
mod test;
mod token;
mod up;
mod wait;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            phase::print_error(&format!("{error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
