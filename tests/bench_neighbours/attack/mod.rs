//! The attacks.

mod expressions;
mod graphql;
mod large_inputs;
mod patterns;
mod runs;
mod schedules;
mod schemas;
mod steps;

use std::convert::Infallible;

use anyhow::Context as _;
use futures::future::BoxFuture;

use crate::attacker::Attacker;

/// Requests of an attack, which continue until the future is dropped.
pub(super) type Flood = BoxFuture<'static, Infallible>;

/// An attack. `cargo xtask bench neighbours --help` describes each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attack {
    RunsByKubectl,
    RunsByRest,
    Expressions,
    Schemas,
    LargeInputs,
    Patterns,
    Graphql,
    Headers,
    Streams,
    InternalPort,
    Schedules,
    Steps,
}

impl Attack {
    const ALL: [Self; 12] = [
        Self::RunsByKubectl,
        Self::RunsByRest,
        Self::Expressions,
        Self::Schemas,
        Self::LargeInputs,
        Self::Patterns,
        Self::Graphql,
        Self::Headers,
        Self::Streams,
        Self::InternalPort,
        Self::Schedules,
        Self::Steps,
    ];

    /// Returns the attacks with these names, separated by commas.
    ///
    /// # Errors
    /// Returns an error that contains a name which is unknown.
    pub(super) fn parse_list(names: &str) -> anyhow::Result<Vec<Self>> {
        let find = |name: &str| {
            let found = Self::ALL.into_iter().find(|attack| attack.name() == name);
            found.with_context(|| format!("the benchmark has no attack {name:?}"))
        };
        names.split(',').map(find).collect()
    }

    /// Returns the name, as in `--attack`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RunsByKubectl => "runs-by-kubectl",
            Self::RunsByRest => "runs-by-rest",
            Self::Expressions => "expressions",
            Self::Schemas => "schemas",
            Self::LargeInputs => "large-inputs",
            Self::Patterns => "patterns",
            Self::Graphql => "graphql",
            Self::Headers => "headers",
            Self::Streams => "streams",
            Self::InternalPort => "internal-port",
            Self::Schedules => "schedules",
            Self::Steps => "steps",
        }
    }

    /// Applies what the attack needs and returns its requests.
    ///
    /// # Errors
    /// Returns an error if the platform refuses what the attack needs.
    pub(super) async fn prepare(self, attacker: &Attacker) -> anyhow::Result<Flood> {
        match self {
            Self::RunsByKubectl => runs::by_kubectl(attacker).await,
            Self::RunsByRest => runs::by_rest(attacker).await,
            Self::Expressions => expressions::prepare(attacker).await,
            Self::Schemas => schemas::prepare(attacker).await,
            Self::LargeInputs => large_inputs::prepare(attacker).await,
            Self::Patterns => Ok(patterns::prepare(attacker)),
            Self::Graphql => Ok(graphql::prepare(attacker)),
            Self::Headers => steps::headers(attacker).await,
            Self::Streams => steps::streams(attacker).await,
            Self::InternalPort => steps::internal_port(attacker).await,
            Self::Schedules => schedules::prepare(attacker).await,
            Self::Steps => steps::consume(attacker).await,
        }
    }
}
