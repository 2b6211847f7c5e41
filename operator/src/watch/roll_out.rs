//! Roll-out of a change that concerns many tenants, such as that of their plan: they take turns, in a random order and at a limited
//! rate.

use std::{collections::HashSet, convert::Infallible, time::Duration};

use crds::Tenant;
use kube::runtime::reflector::ObjectRef;
use rand::RngExt as _;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{map::for_plan_of, requeue::ReconcileRequests, stores::Stores};

/// Time between two tenants: a change reaches 1,000 of them within 40 s, with 25 reconciles a second, each of which writes some
/// children. A change that concerns one tenant reaches it at once.
const TURN: Duration = Duration::from_millis(40);

/// Requests a reconcile of each tenant that is received, and of what depends on its plan, until `stop` is cancelled.
pub(crate) async fn roll_out(
    stores: Stores,
    requests: ReconcileRequests,
    mut queue: mpsc::Receiver<ObjectRef<Tenant>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let (mut waiting, mut turns) = (Waiting::default(), interval(TURN));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(tenant) = queue.recv() => waiting.add(tenant),
            _ = turns.tick(), if !waiting.is_empty() => {
                let tenant = waiting.take(&mut rand::rng()).and_then(|tenant| stores.tenants.get(&tenant));
                if let Some(tenant) = tenant {
                    requests.send_all(for_plan_of(&stores, &tenant)).await;
                }
            }
        }
    }
}

/// Tenants that wait for their turn, each once.
#[derive(Default)]
struct Waiting {
    tenants: Vec<ObjectRef<Tenant>>,
    known: HashSet<ObjectRef<Tenant>>,
}

impl Waiting {
    fn add(&mut self, tenant: ObjectRef<Tenant>) {
        if self.known.insert(tenant.clone()) {
            self.tenants.push(tenant);
        }
    }

    /// Removes a tenant at random. Otherwise, the tenants that were created first would always be the first.
    fn take(&mut self, random: &mut impl rand::Rng) -> Option<ObjectRef<Tenant>> {
        if self.tenants.is_empty() {
            return None;
        }
        let tenant = self.tenants.swap_remove(random.random_range(0..self.tenants.len()));
        self.known.remove(&tenant);
        Some(tenant)
    }

    fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of a plan reaches each of its 1,000 tenants once, within a minute, no more than 25 in a second and not in their order,
    /// also when the plan is changed again meanwhile.
    #[test]
    fn a_change_of_a_plan_reaches_a_thousand_tenants_without_a_burst() {
        let tenants: Vec<ObjectRef<Tenant>> =
            (0..1_000).map(|index| ObjectRef::new(&format!("tenant-{index:04}"))).collect();
        let mut waiting = Waiting::default();
        for tenant in tenants.iter().chain(&tenants) {
            waiting.add(tenant.clone());
        }
        let mut reached = Vec::new();
        while let Some(tenant) = waiting.take(&mut rand::rng()) {
            reached.push(tenant);
        }
        assert!(TURN * 1_000 <= Duration::from_secs(60) && TURN * 25 >= Duration::from_secs(1));
        assert_ne!(reached, tenants);
        reached.sort_by(|one, other| one.name.cmp(&other.name));
        assert_eq!(reached, tenants);
        assert!(waiting.is_empty());
        waiting.add(ObjectRef::new("tenant-0000"));
        assert!(!waiting.is_empty(), "a tenant that has had its turn can wait for another one");
    }
}
