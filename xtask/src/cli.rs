//! The command line.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::checkout::Checkout;
use crate::cluster::Existing;
use crate::instance::{Homes, Instance};
use crate::{bench, deploy, down, env, generate, status, test, token, up};

/// Builds, runs and tests SMB Copilot on one machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command knows.
#[derive(Args)]
pub(crate) struct Global {
    /// The instance: its state, ports and names derive from this name and from the path of the checkout.
    #[arg(long, global = true, default_value = "dev", env = "SMBCOPILOT_INSTANCE")]
    pub(crate) instance: String,
    /// Show all output of all programs, instead of a line a phase.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    homes: Homes,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start a Kubernetes of one node, install the product, and run an example.
    Up(Target),
    /// End the instance; its data stays.
    Down {
        /// Remove the instance's data too, and all images and caches.
        #[arg(long)]
        purge: bool,
    },
    /// Say what runs, and why something does not.
    Status,
    /// Print shell variables: eval "$(cargo xtask env)".
    Env,
    /// Print a bearer token of the local issuer.
    Token(token::Holder),
    /// Rebuild one component and roll it out.
    Deploy {
        /// Which one; all of them when none is named.
        component: Option<deploy::Component>,
    },
    /// Run the tests: all tiers, or those that are named.
    Test(test::Options),
    /// Measure, and print figures beside the floor of this machine.
    Bench(bench::Options),
    /// Write all generated files anew.
    Gen {
        /// Write nothing; fail, and name the files, if one is stale.
        #[arg(long)]
        check: bool,
    },
}

/// Which cluster `up` works on.
#[derive(Args)]
struct Target {
    /// Use the cluster of this context in your kubeconfig (or in KUBECONFIG) instead of a local one.
    #[arg(long, requires = "registry")]
    context: Option<String>,
    /// The registry, with an optional path, that this cluster pulls from; images are pushed there.
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
    /// Does what the command line says. Errors: ready to be shown to a person.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let checkout = Checkout::find()?;
        let global = self.global;
        let instance = Instance::new(&checkout, &global.homes, &global.instance)?;
        match self.command {
            Command::Up(target) => up::run(&checkout, &instance, target.existing(), global.verbose)?,
            Command::Down { purge } => down::run(&checkout, &instance, purge, global.verbose)?,
            Command::Status => return status::run(&checkout, &instance),
            Command::Env => env::run(&checkout, &instance)?,
            Command::Token(holder) => token::run(&checkout, &instance, &holder)?,
            Command::Deploy { component } => deploy::run(&checkout, &instance, component, global.verbose)?,
            Command::Test(options) => return test::run(&checkout, &global.homes, &options, global.verbose),
            Command::Bench(options) => bench::run(&checkout, &global.homes, &options, global.verbose)?,
            Command::Gen { check } => generate::run(&checkout, &instance, check, global.verbose)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
