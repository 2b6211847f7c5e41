//! `cargo xtask bench neighbours`: latency of one tenant's runs and requests, alone and while another tenant attacks
//! the platform, restarts and memory of operator and api-server, and how the attacker's requests were answered.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Bench, Shared, machine};
use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::cluster::boot::Mode;
use crate::instance::Homes;
use crate::issuer;
use crate::issuer::token::{Holder, mint};
use crate::phase::Phase;
use crate::program::Program;
use crate::up;

/// Options of `cargo xtask bench neighbours`.
#[derive(Args)]
pub(super) struct Options {
    /// Attack to measure; may be repeated [default: all].
    #[arg(long = "attack", value_name = "NAME")]
    attacks: Vec<Attack>,
    /// Duration of each measurement in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=600))]
    seconds: u32,
    #[command(flatten)]
    shared: Shared,
}

/// An attack. `tests/bench_neighbours/attack` implements each under the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Attack {
    /// A hundred runs a second, created with kubectl.
    RunsByKubectl,
    /// A hundred runs a second, started over REST.
    RunsByRest,
    /// Concurrency keys and templates that are expensive to evaluate.
    Expressions,
    /// Inputs that are expensive to validate against their schema.
    Schemas,
    /// Waiting runs with inputs of 250 KB.
    LargeInputs,
    /// Workflows with 200 large patterns, applied repeatedly.
    Patterns,
    /// GraphQL documents whose fragments double at each level.
    Graphql,
    /// Connections without a token that never finish their headers.
    Headers,
    /// Log streams and requests that wait for the end of a run.
    Streams,
    /// Requests with invalid tokens to the port for runners.
    InternalPort,
    /// Schedules as dense as the plan allows.
    Schedules,
    /// Steps that print, compute and write files without end.
    Steps,
}

/// Slug of the tenant that is measured.
const NEIGHBOUR: &str = "neighbour";
/// Slug of the tenant that attacks.
const ATTACKER: &str = "attacker";
/// Duration of an attack beside its measurement: preparation, cleaning up, and the restart of a program that failed.
const OVERHEAD: Duration = Duration::from_secs(10 * 60);

/// Measures on a node of its own.
pub(super) fn run(
    checkout: &Checkout,
    homes: &Homes,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    let measure = |phase: &mut Phase<'_>, bench: &Bench<'_>| measure(phase, bench, options);
    options.shared.with_node((checkout, homes, verbose), Mode::Node, "bench_neighbours", measure)
}

fn measure(phase: &mut Phase<'_>, bench: &Bench<'_>, options: &Options) -> anyhow::Result<String> {
    let attacks = if options.attacks.is_empty() { Attack::value_variants() } else { &options.attacks };
    let names = attacks.iter().filter_map(Attack::to_possible_value);
    let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
    let each = OVERHEAD + Duration::from_secs(options.seconds.into());
    let limit = each * u32::try_from(attacks.len()).unwrap_or(1) + OVERHEAD;
    let key = issuer::key::load(&Cluster::local(bench.checkout, bench.instance))?;
    let mut program = Program::new(&bench.program)
        .dir(&bench.checkout.path("tests"))
        .env("KUBECONFIG", bench.instance.kubeconfig())
        .env("SMBCOPILOT_TEST_API_URL", up::api_url(bench.instance)?)
        .env("SMBCOPILOT_BENCH_ATTACKS", names.join(","))
        .env("SMBCOPILOT_BENCH_SECONDS", options.seconds.to_string())
        .env("SMBCOPILOT_BENCH_MACHINE", machine(bench.checkout.profile)?)
        .limit(limit);
    for (variable, tenant, role) in [
        ("SMBCOPILOT_BENCH_NEIGHBOUR_TOKEN", NEIGHBOUR, "admin"),
        ("SMBCOPILOT_BENCH_BUILDER_TOKEN", ATTACKER, "builder"),
        ("SMBCOPILOT_BENCH_VIEWER_TOKEN", ATTACKER, "viewer"),
    ] {
        program = program.env(variable, mint(&key, &Holder::new(tenant, role))?);
    }
    phase.capture(program)
}
