//! Which limit a connection counts towards: that of its address until one of its requests is authenticated, and then that
//! of its tenant.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::limits::{Exhausted, Permit, Shares};

/// Connections of a port, counted by address or tenant.
pub(super) struct ConnectionShares {
    /// Connections without an authenticated request, by their address.
    newcomers: Shares<IpAddr>,
    registry: Arc<Registry>,
    /// Connections with an authenticated request, by the tenant of the first one.
    members: Arc<Shares<Uuid>>,
}

/// Connection of a client. Clones are the same connection.
#[derive(Clone)]
pub(in crate::http) struct Connection(Arc<State>);

struct State {
    counted: Mutex<Counted>,
    members: Arc<Shares<Uuid>>,
    is_proxy: bool,
    /// Cancelled when the header of the first request is received.
    began_request: CancellationToken,
}

enum Counted {
    ByAddress { _permit: Permit, _entry: Option<Entry> },
    ByTenant { _permit: Permit },
}

/// Connections that can be closed in favour of others.
#[derive(Default)]
struct Registry {
    by_address: Mutex<HashMap<IpAddr, BTreeMap<u64, CancellationToken>>>,
    next: AtomicU64,
}

/// Entry of a connection in the registry, removed when dropped.
struct Entry {
    registry: Arc<Registry>,
    address: IpAddr,
    number: u64,
}

impl ConnectionShares {
    /// Creates the limits of a port: on connections without an authenticated request, in all and per address, and on the
    /// others, in all and per tenant.
    pub(super) fn new(newcomers: (usize, usize), members: (usize, usize)) -> Self {
        Self {
            newcomers: Shares::new(newcomers.0, newcomers.1),
            registry: Arc::default(),
            members: Arc::new(Shares::new(members.0, members.1)),
        }
    }

    /// Admits a new connection; `None` is the address of a proxy, which has no limit of its own. The token is
    /// cancelled when the connection has to end.
    ///
    /// # Errors
    /// Returns an error if the address has its part of the connections, or if all are in use.
    pub(super) fn admit(
        &self,
        address: Option<IpAddr>,
    ) -> Result<(Connection, CancellationToken), Exhausted> {
        let closed = CancellationToken::new();
        let (permit, entry) = match address {
            Some(address) => {
                let permit = self.newcomers.try_acquire(&address)?;
                (permit, Some(self.registry.insert(address, closed.clone())))
            }
            None => (self.newcomers.try_acquire_unkeyed()?, None),
        };
        let state = State {
            counted: Mutex::new(Counted::ByAddress { _permit: permit, _entry: entry }),
            members: self.members.clone(),
            is_proxy: address.is_none(),
            began_request: CancellationToken::new(),
        };
        Ok((Connection(Arc::new(state)), closed))
    }

    /// Closes the oldest connection of the address that has most, so that another client gets one.
    pub(super) fn close_one(&self) {
        self.registry.close_one();
    }
}

impl Connection {
    /// Notes that the header of a request was received.
    pub(super) fn begin_request(&self) {
        self.0.began_request.cancel();
    }

    /// Waits until the header of the first request is received.
    pub(super) async fn began_request(&self) {
        self.0.began_request.cancelled().await;
    }

    /// Notes that a request was authenticated: from now on, the connection counts towards the limit of the tenant, unless the
    /// tenant has its part already.
    pub(in crate::http) fn authenticate(&self, tenant: &Uuid) {
        let mut counted = self.0.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Counted::ByAddress { .. } = &*counted {
            // A proxy forwards requests of many tenants.
            let permit = match self.0.is_proxy {
                true => self.0.members.try_acquire_unkeyed(),
                false => self.0.members.try_acquire(tenant),
            };
            if let Ok(permit) = permit {
                *counted = Counted::ByTenant { _permit: permit };
            }
        }
    }
}

impl Registry {
    fn insert(self: &Arc<Self>, address: IpAddr, closed: CancellationToken) -> Entry {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().entry(address).or_default().insert(number, closed);
        Entry { registry: self.clone(), address, number }
    }

    fn close_one(&self) {
        let by_address = self.lock();
        let largest = by_address.values().max_by_key(|connections| connections.len());
        if let Some((_, closed)) = largest.and_then(BTreeMap::first_key_value) {
            closed.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, BTreeMap<u64, CancellationToken>>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut by_address = self.registry.lock();
        if let Some(connections) = by_address.get_mut(&self.address) {
            connections.remove(&self.number);
            if connections.is_empty() {
                by_address.remove(&self.address);
            }
        }
    }
}
