//! The command line: its commands, their options and their help.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::checkout::Checkout;
use crate::cluster::Existing;
use crate::instance::{Homes, Instance};
use crate::{bench, deploy, down, env, fuzz, generate, push, status, test, token, up};

/// Builds, runs and tests SMB Copilot on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Name of the instance if none is given.
pub(crate) const DEFAULT_INSTANCE: &str = "dev";

/// Options of all commands.
#[derive(Args)]
pub(crate) struct Global {
    /// Name of the instance. State folder, ports and names derive from it and from the path of the checkout.
    #[arg(long, global = true, default_value = DEFAULT_INSTANCE, env = "SMBCOPILOT_INSTANCE")]
    pub(crate) instance: String,
    /// Print all output of all programs instead of one line per phase.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    homes: Homes,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start a one-node Kubernetes, install the product and run an example workflow.
    Up(Target),
    /// Stop the instance and retain its data.
    Down {
        /// Also remove the instance's data, and all images and caches.
        #[arg(long)]
        purge: bool,
    },
    /// Show which components are running, and the reason for each that is not.
    Status,
    /// Print environment variables for a shell: eval "$(cargo xtask env)".
    Env,
    /// Print a bearer token of the local OIDC issuer.
    Token(token::Options),
    /// Rebuild one component and roll it out to the running instance.
    Deploy {
        /// Component to deploy [default: all].
        component: Option<deploy::Component>,
    },
    /// Build all images with optimised programs and push them to a registry.
    Push(push::Options),
    /// Run the tests: all tiers, or only those that are named.
    Test(test::Options),
    /// Run a benchmark and print its figures beside the machine's lower bound.
    Bench(bench::Options),
    /// Test everything that parses tenants' text with random inputs, or the REST API with random requests.
    Fuzz(fuzz::Options),
    /// Regenerate all generated files.
    Gen {
        /// Write nothing; fail if a file is out of date, and name it.
        #[arg(long)]
        check: bool,
    },
}

/// Cluster that `up` installs into.
#[derive(Args)]
struct Target {
    /// Context of your kubeconfig (or of KUBECONFIG): use this cluster instead of a local one. Requires --registry.
    #[arg(long, requires = "registry")]
    context: Option<String>,
    /// Registry, with an optional path, to push the images to; the cluster pulls from it. Requires --context.
    #[arg(long, requires = "context")]
    registry: Option<String>,
}

impl Target {
    fn existing(self) -> Option<Existing> {
        let (context, registry) = self.context.zip(self.registry)?;
        Some(Existing { context, registry })
    }
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Returns an error whose text is ready to be printed.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let checkout = Checkout::find()?;
        let global = self.global;
        let instance = Instance::new(&checkout, &global.homes, &global.instance)?;
        match self.command {
            Command::Up(target) => up::run(&checkout, &instance, target.existing(), global.verbose)?,
            Command::Down { purge } => down::run(&checkout, &instance, purge, global.verbose)?,
            Command::Status => return status::run(&checkout, &instance),
            Command::Env => env::run(&checkout, &instance)?,
            Command::Token(options) => token::run(&checkout, &instance, &options)?,
            Command::Deploy { component } => deploy::run(&checkout, &instance, component, global.verbose)?,
            Command::Push(options) => push::run(&checkout, &instance, &options, global.verbose)?,
            Command::Test(options) => return test::run(&checkout, &global.homes, &options, global.verbose),
            Command::Bench(options) => bench::run(&checkout, &global.homes, &options, global.verbose)?,
            Command::Fuzz(options) => {
                return fuzz::run(&checkout, (&global.homes, &instance), &options, global.verbose);
            }
            Command::Gen { check } => generate::run(&checkout, &instance, check, global.verbose)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Pages that show commands of xtask, and a folder of them.
    const PAGES: [&str; 5] = [
        "README.md",
        "examples/README.md",
        "local/README.md",
        "migrations/README.md",
        "tests/scenarios/README.md",
    ];
    const GUIDES: &str = "docs/guides";

    /// Every command of xtask in the documentation has a name and options that exist.
    #[test]
    fn documented_commands_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let guides = std::fs::read_dir(root.join(GUIDES)).unwrap().map(|entry| entry.unwrap().path());
        let mut found = 0;
        for page in PAGES.iter().map(|page| root.join(page)).chain(guides) {
            for command in commands(&std::fs::read_to_string(&page).unwrap()) {
                found += 1;
                let Err(error) = Cli::try_parse_from(command.split_whitespace().skip(1)) else { continue };
                let is_help = error.kind() == clap::error::ErrorKind::DisplayHelp;
                assert!(is_help, "{}: {command}: {error}", page.display());
            }
        }
        assert!(found > 10, "only {found} commands");
    }

    /// Returns the commands on a page, without their comments. `cargo xtask …` stands for all of them.
    fn commands(page: &str) -> Vec<String> {
        let starts = page.match_indices("cargo xtask ").map(|(start, _)| &page[start..]);
        let command =
            |text: &str| text.split(['`', '\n', '#', ')']).next().unwrap_or_default().trim().to_owned();
        starts.map(command).filter(|command| !command.ends_with('…')).collect()
    }
}
