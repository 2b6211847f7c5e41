//! The limits of one replica.

use std::net::IpAddr;

use crds::constants::{
    MAX_RESPONSE_CONTENT_BYTES, MAX_TENANT_REQUESTS, MAX_TENANT_STREAMS, MAX_TENANT_WAITERS,
};
use uuid::Uuid;

use super::{Rates, Shares};

/// Maximum number of requests in progress, and of one tenant. A response in progress has at most about 1.5 MiB.
const REQUESTS: (usize, usize) = (256, MAX_TENANT_REQUESTS);
/// Maximum number of requests that wait for the end of a run, and of one tenant. Each polls up to five times a second:
/// together about 300 short queries a second.
const WAITERS: (usize, usize) = (64, MAX_TENANT_WAITERS);
/// Maximum number of log streams, and of one tenant. Each polls three times a second while the log does not grow:
/// together about 400 short queries a second.
const STREAMS: (usize, usize) = (128, MAX_TENANT_STREAMS);
/// Maximum number of requests with large bodies in progress, and of one tenant. A body of 512 KiB takes up to 16 MiB
/// once it is parsed.
const LARGE_BODIES: (usize, usize) = (12, 4);
/// Maximum number of uploaded outputs in memory, and of one tenant: 8 of 16 MiB take 128 MiB of the 512 MiB that the chart
/// sets as memory limit.
const OUTPUT_BODIES: (usize, usize) = (8, 4);
/// Maximum number of requests of runners in progress, and of one address, which is that of a pod.
const RUNNER_REQUESTS: (usize, usize) = (128, 16);
/// Maximum number of starts of runs in progress, and of one tenant. Starts of one tenant wait for each other in the
/// database, each with a connection: they must leave some of the 16 connections to others.
const STARTS: (usize, usize) = (12, 4);
/// Maximum size of the contents of runs in memory, and of those for one tenant, in KiB of JSON text. One KiB takes up to
/// 52 KiB as values of GraphQL, so that they take at most about 200 MiB.
const CONTENTS: (usize, usize) = (4_096, MAX_RESPONSE_CONTENT_BYTES / 1024);

/// Limits of one replica. All tenants share what is limited, and each has a part of it.
pub struct Limits {
    /// Requests in progress, including their responses.
    pub requests: Shares<Uuid>,
    /// Requests that wait for the end of a run.
    pub waiters: Shares<Uuid>,
    /// Log streams.
    pub streams: Shares<Uuid>,
    /// Requests with large bodies.
    pub large_bodies: Shares<Uuid>,
    /// Uploaded outputs in memory.
    pub output_bodies: Shares<Uuid>,
    /// Requests of runners in progress, by the address of the pod.
    pub runner_requests: Shares<IpAddr>,
    /// Starts of runs.
    pub starts: Shares<Uuid>,
    /// Contents of runs in memory, in KiB.
    pub contents: Shares<Uuid>,
    /// Request rates of tenants.
    pub tenant_rates: Rates<Uuid>,
    /// Request rates of the users of a tenant, by e-mail address.
    pub user_rates: Rates<(Uuid, String)>,
    /// Rates of requests without a known token, by the address of the client.
    pub address_rates: Rates<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        let shares = |(all, per_tenant): (usize, usize)| Shares::new(all, per_tenant);
        Self {
            requests: shares(REQUESTS),
            waiters: shares(WAITERS),
            streams: shares(STREAMS),
            large_bodies: shares(LARGE_BODIES),
            output_bodies: shares(OUTPUT_BODIES),
            runner_requests: Shares::new(RUNNER_REQUESTS.0, RUNNER_REQUESTS.1),
            starts: shares(STARTS),
            contents: shares(CONTENTS),
            tenant_rates: Rates::default(),
            user_rates: Rates::default(),
            address_rates: Rates::default(),
        }
    }
}
