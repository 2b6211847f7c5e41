//! Rates of requests beyond the first one of a request: a bulk operation counts as many requests as it has parts.

use std::num::NonZeroU32;

use super::{App, Error};
use crate::{auth::Membership, limits::RateExceeded};

/// Part of the requests of a tenant that one of its users may send, in per cent. A script that sends too many leaves
/// some for its colleagues.
const USER_PERCENT: u32 = 80;

/// Counts the parts of a request beyond the first one, each like a request of the user. The request itself is counted already.
///
/// # Errors
/// Returns an error if the user or the tenant has sent too many requests.
pub(super) fn count_further(app: &App, email: &str, tenant: &Membership, further: u32) -> Result<(), Error> {
    let (Some(limit), Some(further)) = (tenant.requests_per_minute, NonZeroU32::new(further)) else {
        return Ok(());
    };
    let id = tenant.scope.tenant_id();
    let exceeded = |subject| move |source: RateExceeded| Error::RateExceeded { subject, source };
    let user = app.limits.user_rates.count_many((id, email.to_owned()), user_limit(limit), further);
    user.map_err(exceeded("user"))?;
    app.limits.tenant_rates.count_many(id, limit, further).map_err(exceeded("tenant"))
}

/// Returns the requests a minute of a user whose tenant has this limit.
#[must_use]
pub fn user_limit(tenant: NonZeroU32) -> NonZeroU32 {
    let limit = u64::from(tenant.get()) * u64::from(USER_PERCENT) / 100;
    u32::try_from(limit).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
