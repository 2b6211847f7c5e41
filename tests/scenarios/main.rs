//! Plays all scenarios, or those whose names contain an argument, and prints as a Rust test program does.

use std::{
    io::Write as _,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use tests::scenario::{Found, Played, World, find, play};

/// Two cores start about two pods a second; more at once only makes all of them wait longer.
const AT_ONCE: usize = 8;

#[tokio::main]
async fn main() -> ExitCode {
    match all().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn all() -> anyhow::Result<bool> {
    let started = now();
    let filter = filter();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let chosen: Vec<Found> = find(&folder)?.into_iter().filter(|one| one.name.contains(&filter)).collect();
    print(&format!("running {} scenarios", chosen.len()));
    let world = World::enter().await?;
    let (world, mut sum) = (&world, Sum::default());
    let mut playing = stream::iter(&chosen)
        .map(|found| async move { (&found.name, play(world, found).await) })
        .buffer_unordered(AT_ONCE);
    while let Some((name, played)) = playing.next().await {
        sum.take(name, played);
    }
    sum.finish(started.elapsed());
    Ok(sum.failures.is_empty())
}

#[derive(Default)]
struct Sum {
    passed: usize,
    skipped: usize,
    failures: Vec<(String, String)>,
}

impl Sum {
    fn take(&mut self, name: &str, played: Played) {
        match played {
            Played::Passed(time) => {
                self.passed += 1;
                print(&format!("scenario {name} ... ok ({:.1} s)", time.as_secs_f64()));
            }
            Played::Skipped(reason) => {
                self.skipped += 1;
                print(&format!("scenario {name} ... ignored: {reason}"));
            }
            Played::Failed(time, why) => {
                print(&format!("scenario {name} ... FAILED ({:.1} s)", time.as_secs_f64()));
                self.failures.push((name.to_owned(), why));
            }
        }
    }

    /// The lines by which `cargo xtask test` counts.
    fn finish(&self, time: Duration) {
        if !self.failures.is_empty() {
            print("\nfailures:\n");
        }
        for (name, why) in &self.failures {
            print(&format!("---- {name} ----\n{why}\n"));
        }
        let word = if self.failures.is_empty() { "ok" } else { "FAILED" };
        print(&format!(
            "test result: {word}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
            self.passed,
            self.failures.len(),
            self.skipped,
            time.as_secs_f64()
        ));
    }
}

fn filter() -> String {
    std::env::args().nth(1).unwrap_or_default()
}

fn now() -> Instant {
    Instant::now()
}

/// Nobody reads what is printed after a closed pipe.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
