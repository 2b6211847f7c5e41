//! Events about a quota that is almost or completely used. Pure.

use crds::{Quantity, tenant::QuotaStatus};

use crate::events::NewEvent;

/// Usage of a resource from which an Event is published, in percent of its limit.
const LEVELS: [u128; 2] = [80, 100];

/// Returns an Event about the resources whose usage has reached a level since it was last recorded.
pub(super) fn event(old: Option<&QuotaStatus>, new: &QuotaStatus) -> Option<NewEvent> {
    let reached = new.hard.keys().filter_map(|resource| {
        let level = level(new, resource)?;
        let before = old.and_then(|old| self::level(old, resource)).unwrap_or(0);
        (level > before).then(|| (level, usage(new, resource)))
    });
    let reached: Vec<(u128, String)> = reached.collect();
    let highest = reached.iter().map(|(level, _)| *level).max()?;
    let usages: Vec<_> = reached.into_iter().map(|(_, usage)| usage).collect();
    let reason = if highest >= 100 { "QuotaExhausted" } else { "QuotaAlmostUsed" };
    let message = format!("the quota of the plan is used up to {}", usages.join(", "));
    Some(NewEvent::warning("CountUsage", reason, message))
}

fn usage(quota: &QuotaStatus, resource: &str) -> String {
    let amount = |amounts: &std::collections::BTreeMap<String, String>| {
        amounts.get(resource).cloned().unwrap_or_default()
    };
    format!("{} of {} {resource}", amount(&quota.used), amount(&quota.hard))
}

/// Returns the highest level that the usage of a resource has reached. A limit of 0 is set on purpose, and is not reached.
fn level(quota: &QuotaStatus, resource: &str) -> Option<u128> {
    let milli = |text: &String| Quantity::new(text.as_str()).to_milli().ok();
    let (hard, used) = (milli(quota.hard.get(resource)?)?, milli(quota.used.get(resource)?)?);
    LEVELS.into_iter().rev().find(|level| hard > 0 && used.saturating_mul(100) >= hard.saturating_mul(*level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(pods: &str, memory: &str) -> QuotaStatus {
        let amounts = |pods: &str, memory: &str| {
            [("pods", pods), ("requests.memory", memory)]
                .map(|(name, amount)| (name.to_owned(), amount.to_owned()))
                .into()
        };
        QuotaStatus { hard: amounts("10", "1Gi"), used: amounts(pods, memory) }
    }

    /// An Event is published when a resource reaches 80 % and 100 % of its limit, once each, and never for a limit of 0.
    #[test]
    fn an_event_is_published_when_a_level_is_reached() {
        let reached =
            |old: Option<&QuotaStatus>, new: &QuotaStatus| event(old, new).map(|event| event.to_string());
        assert_eq!(reached(None, &quota("7", "512Mi")), None);
        assert_eq!(
            reached(Some(&quota("7", "0")), &quota("8", "820Mi")).as_deref(),
            Some(
                "Warning QuotaAlmostUsed: the quota of the plan is used up to 8 of 10 pods, 820Mi of 1Gi requests.memory"
            )
        );
        assert_eq!(reached(Some(&quota("8", "0")), &quota("9", "0")), None);
        assert_eq!(
            reached(Some(&quota("9", "0")), &quota("10", "0")).as_deref(),
            Some("Warning QuotaExhausted: the quota of the plan is used up to 10 of 10 pods")
        );
        let mut none = quota("0", "0");
        none.hard.insert("pods".into(), "0".into());
        assert_eq!(reached(None, &none), None);
    }
}
