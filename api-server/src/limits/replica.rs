//! The limits of one replica.

use std::{net::IpAddr, time::Duration};

use crds::constants::{MAX_TENANT_REQUESTS, MAX_TENANT_STREAMS, MAX_TENANT_WAITERS};
use moka::sync::Cache;
use uuid::Uuid;

use super::{Memory, MemoryLimit, Rates, Shares};

/// Maximum number of requests in progress, and of one tenant.
const REQUESTS: (usize, usize) = (256, MAX_TENANT_REQUESTS);
/// Maximum number of requests that wait for the end of a run, and of one tenant. Each polls up to five times a second:
/// together about 300 short queries a second.
const WAITERS: (usize, usize) = (64, MAX_TENANT_WAITERS);
/// Maximum number of log streams, and of one tenant. Each polls three times a second while the log does not grow:
/// together about 400 short queries a second.
const STREAMS: (usize, usize) = (128, MAX_TENANT_STREAMS);
/// Memory for the bodies of requests, the contents of runs and workflows that they read, and uploads. Decision 13 adds up what
/// else the 512 MiB contain that the chart sets as memory limit. A tenant can read its largest usual run, 1 MiB of text that
/// takes 22 MiB once decoded, with GraphQL, which needs two copies; and start a run with the largest input, of which two copies
/// are decoded and one is validated.
const MEMORY: MemoryLimit = MemoryLimit { all: 208 << 20, per_tenant: 100 << 20 };
/// The same for small requests, which therefore do not wait for large ones.
const SMALL_MEMORY: MemoryLimit = MemoryLimit { all: 16 << 20, per_tenant: 6 << 20 };
/// Maximum number of requests of runners whose token is being verified, and of one address, which is that of a pod.
const RUNNER_AUTHENTICATIONS: (usize, usize) = (128, 16);
/// Maximum number of requests of runners in progress, and of one tenant.
const RUNNER_REQUESTS: (usize, usize) = (128, 32);
/// Maximum number of writes of runs in progress, and of one tenant. Those of one tenant wait for each other in the
/// database, each with one of the 16 connections of the mirror: they must leave some to others, and to the mirror itself.
const WRITES: (usize, usize) = (12, 4);
/// Maximum number of contents of documents that are being uploaded, and of one tenant. Each holds two parts of 5 MiB, also while a slow
/// client sends it, so that all of them together leave half of the memory to other requests.
const UPLOADS: (usize, usize) = (10, 2);
/// Maximum number of mails that are being sent, and of one tenant. An SMTP server that hangs holds each for about a minute.
const MAILS: (usize, usize) = (16, 4);

/// Time in which the body of a request arrives, of at most 1 MiB: also over a connection of 1 Mbit/s. Longer, a slow client would hold
/// a part of what its tenant's requests share.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Time between two audit events about the same refused read, and the number of reads that are remembered, of about 200 bytes each.
const REFUSED_READ_INTERVAL: Duration = Duration::from_secs(60);
const MAX_REFUSED_READS: u64 = 10_000;

/// Limits of one replica. All tenants share what is limited, and each has a part of it.
pub struct Limits {
    /// Requests in progress, including their responses.
    pub requests: Shares<Uuid>,
    /// Maximum time in which the body of a request arrives.
    pub body_time: Duration,
    /// Requests that wait for the end of a run.
    pub waiters: Shares<Uuid>,
    /// Log streams.
    pub streams: Shares<Uuid>,
    /// Memory of requests.
    pub memory: Memory,
    /// Requests of runners whose token is being verified, by the address of the pod.
    pub runner_authentications: Shares<IpAddr>,
    /// Requests of runners in progress.
    pub runner_requests: Shares<Uuid>,
    /// Writes of runs.
    pub writes: Shares<Uuid>,
    /// Contents of documents that are being uploaded.
    pub uploads: Shares<Uuid>,
    /// Mails that are being sent.
    pub mails: Shares<Uuid>,
    /// Request rates of tenants.
    pub tenant_rates: Rates<Uuid>,
    /// Request rates of the users of a tenant, by e-mail address.
    pub user_rates: Rates<(Uuid, String)>,
    /// Rates of requests without a known token, by the address of the client.
    pub address_rates: Rates<IpAddr>,
    /// Refused reads that were audited within the last minute.
    pub(crate) refused_reads: Cache<RefusedRead, ()>,
}

/// Tenant, email address of the principal, and operation of a read that was refused.
pub(crate) type RefusedRead = (Uuid, String, String);

impl Default for Limits {
    fn default() -> Self {
        let shares = |(all, per_tenant): (usize, usize)| Shares::new(all, per_tenant);
        Self {
            requests: shares(REQUESTS),
            body_time: BODY_TIME,
            waiters: shares(WAITERS),
            streams: shares(STREAMS),
            memory: Memory::new(MEMORY, SMALL_MEMORY),
            runner_authentications: Shares::new(RUNNER_AUTHENTICATIONS.0, RUNNER_AUTHENTICATIONS.1),
            runner_requests: shares(RUNNER_REQUESTS),
            writes: shares(WRITES),
            uploads: shares(UPLOADS),
            mails: shares(MAILS),
            tenant_rates: Rates::default(),
            user_rates: Rates::default(),
            address_rates: Rates::default(),
            refused_reads: Cache::builder()
                .max_capacity(MAX_REFUSED_READS)
                .time_to_live(REFUSED_READ_INTERVAL)
                .build(),
        }
    }
}

impl Limits {
    /// Returns whether a refused read is to be audited: once a minute for each principal and operation.
    #[must_use]
    pub fn should_audit_refused_read(&self, tenant: Uuid, email: &str, operation: &str) -> bool {
        self.refused_reads.entry((tenant, email.to_owned(), operation.to_owned())).or_insert(()).is_fresh()
    }
}
