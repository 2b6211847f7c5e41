//! Ctrl-C: a message that says how to continue.

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal};

use crate::phase::print_error;

/// Exit code of a program that was ended by SIGINT, by the convention of shells: 128 and the number of the signal.
const EXIT_CODE: i32 = 130;

/// Prints a message when the user interrupts the command, and ends the process. Programs that it runs receive the signal
/// from the terminal, too. It must be called before other threads are started, which inherit the signal mask.
///
/// # Errors
/// Returns an error if the signal cannot be blocked.
pub(crate) fn report(message: &'static str) -> anyhow::Result<()> {
    let signals = SigSet::from(Signal::SIGINT);
    signals.thread_block().context("failed to block SIGINT")?;
    std::thread::spawn(move || {
        if signals.wait().is_ok() {
            print_error(&format!("\n{message}\n"));
            std::process::exit(EXIT_CODE);
        }
    });
    Ok(())
}
